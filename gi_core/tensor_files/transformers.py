"""Tensors of a vision transformer under any library's names, as the network at hand names them.

Queries, keys and values that lie apart are put below each other; a class token (D,) becomes (1, 1, D), positions (T, D)
become (1, T, D). The text tower beside an image tower is left aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.tensor_files import transformer_names as known
from gi_core.tensor_files.naming import Names, Shapes, mismatch, some

JOINED = " + "
"""Between names of tensors that are put together."""
V = TypeVar("V", Tensor, np.ndarray)


@dataclass(frozen=True)
class Adopted(Generic[V]):
    """values: by the network's names. sources: its names -> those of the file. missing, extra, beside: names of the file, the
    last of what lies outside the network, such as a text tower. headless: names of a last layer that the file does not have.
    """

    values: dict[str, V]
    sources: dict[str, tuple[str, ...]]
    missing: list[str]
    extra: list[str]
    headless: list[str]
    beside: list[str]
    own: known.Reading
    reading: known.Reading

    @property
    def scheme(self) -> str:
        """How the names were matched, in words."""
        prefix = self.reading.prefix
        return self.reading.family.title + (f", prefix {prefix}" if prefix else "")

    def given(self, whole: Mapping[str, V]) -> dict[str, V]:
        """The file's tensors, by the network's names where they have one."""
        used = {name for names in self.sources.values() for name in names}
        return {**{key: value for key, value in whole.items() if key not in used}, **self.values}

    def names(self, found: Names) -> Names:
        """What was matched by the network's names, by those of the file."""
        return Names({key: JOINED.join(self.sources.get(old, (old,))) for key, old in found.given.items()}, self.scheme)


def adopt(own: Shapes, given: Mapping[str, V]) -> Adopted[V] | None:
    """The file's tensors by the names of `own`; None where either is no vision transformer, where both are of
    one family, or where the network keeps queries, keys and values apart.
    """
    ours, theirs = known.read(own), known.read(given)
    if ours is None or theirs is None or ours.family is theirs.family or ours.family.apart:
        return None
    plain = {ours.prefix + new[0]: name for name, new in ours.family.names(ours.blocks).items()}
    places = theirs.family.names(max(ours.blocks, theirs.blocks))
    values: dict[str, V] = {}
    sources: dict[str, tuple[str, ...]] = {}
    missing, headless = [], []
    looked: set[str] = set()
    for key, shape in own.items():
        canonical = plain.get(key, "")
        wanted = tuple(known.place(name, theirs.prefix, given) for name in places.get(canonical, ()))
        looked.update(wanted)
        if wanted and all(name in given for name in wanted):
            values[key], sources[key] = _joined([given[name] for name in wanted], shape), wanted
        elif canonical.startswith(known.HEAD) and not any(name in given for name in wanted):
            headless.append(key)
        else:
            missing += [name for name in wanted if name not in given] or [key]
    aside = tuple(theirs.prefix + name for name in theirs.family.aside)
    extra = [n for n in given if n.startswith(theirs.prefix) and n not in looked and not n.startswith(aside)]
    beside = [n for n in given if not n.startswith(theirs.prefix) and n not in looked]
    return Adopted(values, sources, missing, extra, headless, beside, ours, theirs)


def _joined(parts: list[V], shape: tuple[int, ...]) -> V:
    """One below the other, with leading axes of one as the network has them."""
    whole = parts[0]
    if len(parts) > 1:
        if len({part.shape[1:] for part in parts}) > 1:
            return whole  # its shape is refused
        whole = torch.cat(parts) if isinstance(whole, Tensor) else np.concatenate(parts)
    more = len(shape) - whole.ndim
    return whole[(None,) * more] if more > 0 and shape[:more] == (1,) * more else whole


def state_for(model: nn.Module, state: dict[str, Tensor], name: str) -> tuple[dict[str, Tensor], str, list[str]]:
    """(state by the names of `model`, the scheme in words, notices); as it is, with "", where names need no change.

    A last layer that the file does not have stays as it is in `model`. Raises SpecError, in the file's names.
    """
    own = model.state_dict()
    sizes = {key: tuple(value.shape) for key, value in own.items()}
    found = adopt(sizes, state)
    if found is None:
        return state, "", []
    parts = [
        f"{label} {some(names)}"
        for label, names in (("missing", found.missing), ("not known to it", found.extra))
        if names
    ]
    named = {key: JOINED.join(found.sources[key]) for key in found.sources}
    wrong = mismatch({named[k]: sizes[k] for k in named}, {named[k]: tuple(found.values[k].shape) for k in named})
    if parts or wrong:
        raise SpecError(
            f"weights {name} ({found.scheme}) are of another architecture: {'; '.join(filter(None, (*parts, wrong)))}"
            f"{_advice(model, found, sizes)}"
        )
    said = []
    if found.beside:
        said.append(f"{len(found.beside)} tensors beside the network are left aside, such as {found.beside[0][:80]}")
    eps = next((m.eps for m in model.modules() if isinstance(m, nn.LayerNorm)), found.reading.family.eps)
    if not 0.5 < eps / found.reading.family.eps < 2:
        said.append(
            f"files with {found.reading.family.title} come from layer norms with eps {found.reading.family.eps:g}, and this"
            f" network's is {eps:g}{_family(found)}"
        )
    words = found.scheme + (", with a fresh last layer" if found.headless else "")
    return {**found.values, **{key: own[key] for key in found.headless}}, words, said


def _family(found: Adopted[Tensor]) -> str:
    """The setting that has the file's layout, where the network is ours."""
    ours, theirs = found.own.family, found.reading.family
    return f": set model.family={theirs.setting}" if ours is known.FAMILIES[0] else ""


def _advice(model: nn.Module, found: Adopted[Tensor], sizes: Shapes) -> str:
    """What to set, where the family or the number of classes alone is another."""
    in_front = any(isinstance(m, nn.LayerNorm) and n.endswith("ln_pre") for n, m in model.named_modules())
    if in_front != (found.reading.family.setting == "clip"):
        return _family(found)
    for key, names in found.sources.items():
        theirs = tuple(found.values[key].shape)
        if (
            names[0].endswith(("classifier.weight", "head.weight"))
            and theirs[1:] == sizes[key][1:]
            and theirs != sizes[key]
        ):
            return f": set model.classes={theirs[0]}"
    return ""
