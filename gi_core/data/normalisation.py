"""Input normalisation per data set: (x - mean) / std per channel."""

from __future__ import annotations

from gi_core.spec.base import SpecError
from gi_core.spec.registry import suggestion

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
    """(mean, std), each of `channels` values, of none, auto, or a data set's name.

    auto: the data set's own; pictures of no known data set take ImageNet's. One channel asked of
    three takes their mean, three of one repeat it. Raises SpecError for an unknown name.
    """
    if name == "none":
        return (0.0,) * channels, (1.0,) * channels
    if name == "auto":
        mean, std = TABLE.get(source, _IMAGENET)
    elif name in TABLE:
        mean, std = TABLE[name]
    else:
        raise SpecError(f"there is no normalisation {name!r}: {suggestion(name, ('none', 'auto', *TABLE))}")
    return _adapt(mean, channels), _adapt(std, channels)


def _adapt(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels
