"""Names of a file's tensors -> names of our network's state dict: known schemes, else order and shape.

torchvision's own `conv1.*`, MONAI's TorchVisionFCModel `features.0.*` and Hugging Face's ResNets, each behind any prefix that
all names share (`model.`, `_module.`, `module._orig_mod.`), and parts behind prefixes of their own (`backbone.conv1.weight`
beside `head.fc.weight`). What fits no scheme is matched by order where every shape agrees.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from gi_core.common.errors import SpecError
from gi_core.tensor_files.foreign_names import SCHEMES

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

COUNTER = "num_batches_tracked"
LEAVES = {"weight", "bias", "running_mean", "running_var", COUNTER}


@dataclass(frozen=True)
class Names:
    """given: our name -> the file's. scheme: how they were matched, in words."""

    given: dict[str, str]
    scheme: str

    @property
    def table(self) -> list[tuple[str, str]]:
        """(our name, the file's) of what was matched by more than a name and a shared prefix; empty otherwise."""
        cuts = {old[: len(old) - len(own)] if old.endswith(own) else None for own, old in self.given.items()}
        return [] if len(cuts) == 1 and None not in cuts else list(self.given.items())


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
    found = _by_parts(own, given, optional) or (_by_order(own, given, optional) if ordered else None)
    return found or (best[1] if best else "it is empty")


def chosen(names: Collection[str], patterns: Collection[str], field: str) -> list[str]:
    """Those of `names` that fit a pattern (`layer4.*`, or `layer4` for all below it), in order. Raises SpecError for a pattern that fits none."""
    found: set[str] = set()
    for pattern in dict.fromkeys(patterns):
        if pattern in names:
            found.add(pattern)
            continue
        fits = {n for n in names if fnmatch.fnmatchcase(n, pattern) or n.startswith(pattern + ".")}
        if not fits:
            raise SpecError(
                f"{field} names {pattern[:80]!r}, which this network has not: its tensors are {', '.join(list(names)[:4])} …"
            )
        found |= fits
    return [name for name in names if name in found]


def gapped(given: Collection[str], parameters: list[str]) -> dict[str, str] | None:
    """Our name -> place in a list with gaps (None where a parameter has no gradient); None for anything else."""
    if not given or len(given) >= len(parameters) or not all(key.isdigit() for key in given):
        return None
    if max(map(int, given)) >= len(parameters):
        return None
    return {parameters[int(key)]: key for key in given}


def aligned(own: Shapes, given: Shapes, name: str, optional: Collection[str] = (), ordered: bool = False) -> Names:
    """`match`, or SpecError for a file `name` of another architecture."""
    found = match(own, given, optional, ordered)
    if isinstance(found, str):
        raise SpecError(f"{name} does not belong to this network: {found}{hint(own, given)}")
    return found


def schemes(given: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(scheme in words, {new name: name in the file}) of every way to read the names, one shared prefix after the other."""
    renamed, cut = {key: key for key in given}, ""
    while True:
        yield (f"prefix {cut}" if cut else "the network's own names"), renamed
        for title, translate in SCHEMES:
            translated = {translate(new): old for new, old in renamed.items()}
            if translated.keys() != renamed.keys() and len(translated) == len(renamed):
                yield title + (f", prefix {cut}" if cut else ""), translated
        prefix = shared_prefix(renamed)
        if not prefix:
            return
        cut += prefix
        renamed = {new.removeprefix(prefix): old for new, old in renamed.items()}


def shared_prefix(names: Collection[str]) -> str:
    """The first part of all names, with its dot, where all begin with it and none ends there; else nothing."""
    first = next(iter(names), "").partition(".")[0] + "."
    return first if names and all(len(name) > len(first) and name.startswith(first) for name in names) else ""


def _by_parts(own: Shapes, given: Shapes, optional: Collection[str]) -> Names | None:
    """Each part of the network may have its own prefix: a name is matched to the longest of ours that it ends in."""
    pairs: dict[str, str] = {}
    for old in given:
        parts = old.split(".")
        ends = (".".join(parts[k:]) for k in range(len(parts)))
        key = next((end for end in ends if end in own), None)
        if key is None or key in pairs:
            return None
        pairs[key] = old
    if mismatch(own, {key: given[old] for key, old in pairs.items()}, optional):
        return None
    return Names({key: pairs[key] for key in own if key in pairs}, "the ends of the names")


def _by_order(own: Shapes, given: Shapes, optional: Collection[str]) -> Names | None:
    """By order: all of our names, all but counters, or all but optional ones, beside all of the file's."""
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
    """Whether the order gives a name that we know to another tensor."""
    for _, renamed in schemes(given):
        if any(key in own and pairs.get(key) != old for key, old in renamed.items()):
            return True
    return False


def _alike(own: str, own_shape: Shape, given: str, given_shape: Shape) -> bool:
    a, b = own.rpartition(".")[2], given.rpartition(".")[2]
    return _same(own, own_shape, given_shape) and (a == b or not {a, b} <= LEAVES)


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
    return "; ".join(f"{label} {some(names)}" for label, names in parts if names)


def hint(own: Shapes, given: Shapes) -> str:
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


def some(names: list[str], shown: int = 4) -> str:
    names = [name if len(name) <= 120 else name[:120] + "…" for name in names]
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
