"""Input normalisation per data set, or by numbers: (x - mean) / std per channel."""

from __future__ import annotations

from gi_core.common.errors import SpecError
from gi_core.settings.normalising import Numbers, numbers
from gi_core.settings.registry import suggestion

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

# Values as used by inversefed (Geiping et al. 2020), Fashion-MNIST's as commonly published.
TABLE: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "mnist": ((0.130664,), (0.308108,)),
    "fashion_mnist": ((0.286041,), (0.353024,)),
    "cifar10": ((0.491467, 0.482262, 0.446770), (0.247032, 0.243485, 0.261588)),
    "cifar100": ((0.507160, 0.486694, 0.441202), (0.267334, 0.256438, 0.276150)),
    "imagenet": _IMAGENET,
}


def resolve(name: str, source: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std), each of `channels` values, of none, auto, a data set's name, or numbers such as 0.5/0.5.

    auto: the data set's own; pictures of no known data set take ImageNet's. One channel asked of
    three takes their mean, three of one repeat it. Three numbers given for one channel are refused. Raises SpecError for an unknown name.
    """
    given = _numbers(name)
    if given is not None:
        if len(given[0]) not in (1, channels):
            raise SpecError(
                f"the normalisation {name} has {len(given[0])} numbers, and the pictures have"
                f" {channels} channel{'s' * (channels > 1)}: give one number, or one for each channel"
            )
        return _adapt(given[0], channels), _adapt(given[1], channels)
    if name == "none":
        return (0.0,) * channels, (1.0,) * channels
    if name == "auto":
        mean, std = TABLE.get(source, _IMAGENET)
    elif name in TABLE:
        mean, std = TABLE[name]
    else:
        raise SpecError(f"there is no normalisation {name!r}: {_hint(name)}")
    return _adapt(mean, channels), _adapt(std, channels)


def _hint(name: str) -> str:
    hint = suggestion(name, ("none", "auto", *TABLE))
    return hint if hint.startswith("did") else f"{hint}, or numbers such as 0.5/0.5"


def _numbers(name: str) -> Numbers | None:
    try:
        return numbers(name)
    except ValueError as error:
        raise SpecError(str(error)) from None


def _adapt(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels
