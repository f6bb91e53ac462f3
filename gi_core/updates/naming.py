"""Names of a file's tensors -> names of our network's state dict: three schemes, else order and shape.

`model.*` (the published artefacts), torchvision's own `conv1.*`, and MONAI's TorchVisionFCModel `features.0.*`, each
perhaps with wrappers' prefixes. What fits no scheme is matched by order where every shape agrees.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from gi_core.spec.base import SpecError

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
COUNTER = "num_batches_tracked"
_LEAVES = {"weight", "bias", "running_mean", "running_var", COUNTER}
_MONAI = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


@dataclass(frozen=True)
class Names:
    """given: our name -> the file's. scheme: how they were matched, in words."""

    given: dict[str, str]
    scheme: str


def match(own: Shapes, given: Shapes, optional: Collection[str] = (), ordered: bool = False) -> Names | str:
    """Every name of `own` (but for `optional` ones that are missing) with its name in the file; else the reason why
    not, which lists what is missing, extra or of another shape.

    ordered: whether `given` comes in the order of the network, so that order may decide.
    """
    best: tuple[int, str] | None = None
    for scheme, renamed in schemes(given):
        reason = mismatch(own, {new: given[old] for new, old in renamed.items()}, optional)
        if not reason:
            return Names({key: renamed[key] for key in own if key in renamed}, scheme)
        known = sum(key in own for key in renamed)
        if best is None or known > best[0]:
            best = known, reason
    found = _by_order(own, given, optional) if ordered else None
    return found or (best[1] if best else "it is empty")


def aligned(own: Shapes, given: Shapes, name: str, optional: Collection[str] = (), ordered: bool = False) -> Names:
    """`match`, or SpecError for a file `name` of another architecture."""
    found = match(own, given, optional, ordered)
    if isinstance(found, str):
        raise SpecError(f"{name} does not belong to this network: {found}{_hint(own, given)}")
    return found


def schemes(given: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(scheme in words, {new name: name in the file}) of every way to read the names."""
    yield "the network's own names", {key: key for key in given}
    renamed, cut = {key: key for key in given}, ""
    while True:
        title = f"prefix {cut}" if cut else "the network's own names"
        if cut:
            yield title, renamed
        monai = {_torchvision(new): old for new, old in renamed.items()}
        if monai.keys() != renamed.keys() and len(monai) == len(renamed):
            yield "MONAI's names (features.0)" + (f", prefix {cut}" if cut else ""), monai
        prefix = next((p for p in PREFIXES if renamed and all(key.startswith(p) for key in renamed)), None)
        if prefix is None:
            return
        cut += prefix
        renamed = {new.removeprefix(prefix): old for new, old in renamed.items()}


def _torchvision(name: str) -> str:
    found = re.fullmatch(r"features\.(\d+)\.(.+)", name)
    return f"{_MONAI[found[1]]}.{found[2]}" if found and found[1] in _MONAI else name


def _by_order(own: Shapes, given: Shapes, optional: Collection[str]) -> Names | None:
    """All of ours, all but counters, or all but optional ones, against all of theirs in order."""
    theirs = list(given)
    for wanted in (list(own), [k for k in own if not k.endswith(COUNTER)], [k for k in own if k not in optional]):
        left_out = set(own) - set(wanted)
        if len(wanted) == len(theirs) and left_out <= set(optional):
            pairs = dict(zip(wanted, theirs, strict=True))
            agree = all(_alike(a, own[a], b, given[b]) for a, b in pairs.items())
            if agree and not _contradicted(own, given, pairs):
                return Names(pairs, "order and shape")
    return None


def _contradicted(own: Shapes, given: Shapes, pairs: dict[str, str]) -> bool:
    """Whether a name that we do know stands in another place than its own."""
    for _, renamed in schemes(given):
        if any(key in own and pairs.get(key) != old for key, old in renamed.items()):
            return True
    return False


def _alike(own: str, own_shape: Shape, given: str, given_shape: Shape) -> bool:
    a, b = own.rpartition(".")[2], given.rpartition(".")[2]
    return _same(own, own_shape, given_shape) and (a == b or not {a, b} <= _LEAVES)


def _same(name: str, own: Shape, given: Shape) -> bool:
    return own == given or (name.endswith(COUNTER) and set(given) <= {1})


def mismatch(own: Shapes, given: Shapes, optional: Collection[str] = ()) -> str:
    """What is missing, extra, or of another shape; empty where all fits."""
    missing = [key for key in own if key not in given and key not in optional]
    extra = [key for key in given if key not in own]
    shapes = [
        f"{key} is {_size(given[key])} instead of {_size(own[key])}"
        for key in own if key in given and not _same(key, own[key], given[key])
    ]  # fmt: skip
    parts = (("missing", missing), ("not known to it", extra), ("of another shape:", shapes))
    return "; ".join(f"{label} {_some(names)}" for label, names in parts if names)


def _hint(own: Shapes, given: Shapes) -> str:
    """The number of classes, where that alone differs: the last layer has another number of rows."""
    last = list(own)[-1].rpartition(".")[0]
    ours = {key.rpartition(".")[2]: own[key] for key in own if key.rpartition(".")[0] == last}
    theirs = {
        key.rpartition(".")[2]: given[key] for key in given if f".{key}".endswith(f".{last}.{key.rpartition('.')[2]}")
    }
    if ours.keys() == theirs.keys() and ours != theirs and all(ours[k][1:] == theirs[k][1:] for k in ours):
        return f" (set model.classes={next(iter(theirs.values()))[0]})"
    return ""


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _some(names: list[str], shown: int = 4) -> str:
    names = [name if len(name) <= 120 else name[:120] + "…" for name in names]
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
