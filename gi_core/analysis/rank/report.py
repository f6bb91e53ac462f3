"""What rank analysis says of a network: a row for each layer, and the verdict over all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from gi_core.analysis.rank.adapters import AdapterRank
from gi_core.settings.attention_bounds import AttentionShape
from gi_core.settings.graph import Shape
from gi_core.types.exposure import Exposure

Route = Literal["ratio", "gradient", "joint", "under-determined", "unsupported"]
Verdict = Literal["exact", "optimisation", "partial", "unsupported"]
Mode = Literal["count", "numeric"]


@dataclass(frozen=True)
class LayerRank:
    """One layer's equations about its own input x, once its output and k = dL/dz are known.

    unknowns: values of x, padding excluded (padding: how many zeros surround them). weight_constraints:
    equations W x = z - b (known outputs only), gradient_constraints: entries of dL/dW; rank_weight,
    rank_gradient, rank: of W, K and both stacked; overlap: rank_weight + rank_gradient - rank.
    deficiency D = unknowns - rank: 0 where the layer is inverted exactly. virtual V: equations that x
    owes to lying in the range of the layers before it (in a residual block, to the block's input too), which an
    optimiser uses and a recursion does not. index = D - V: at most 0 where an optimiser has enough equations. kernel_rank of `pixels`:
    rank of the kernel matrix K0 that all channels share, over all groups. condition: sigma_max / sigma_min
    of the stacked equations (numeric mode). reason: why a layer is unsupported, else "".
    """

    name: str
    kind: str
    description: str
    input_shape: Shape
    output_shape: Shape
    unknowns: int
    weight_constraints: int
    gradient_constraints: int
    padding: int
    rank_weight: int
    rank_gradient: int
    overlap: int
    rank: int
    deficiency: int
    virtual: int
    index: int
    route: Route
    kernel_rank: int | None = None
    pixels: int | None = None
    condition: float | None = None
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether a recursion gets through."""
        return self.route not in ("under-determined", "unsupported")


@dataclass(frozen=True)
class BatchRank:
    """pictures: B. unknowns: n B T. coset_open: values that positions and patches leave open, None without a coset.
    inseparable: dimensions by which it stays open which patches belong together. misplaced: directions of a patch that stay
    open once a picture stands alone.
    """

    pictures: int
    unknowns: int
    coset_open: int | None
    inseparable: int
    misplaced: int


@dataclass(frozen=True)
class AttentionRank:
    """shape: T, n, D, H, c. open: directions of one picture's patches that are not in the gradient. frozen_open: the same of
    each patch where the positions are learned but send no gradient; sincos_open: where they are made of sines.
    coset_most, exact_most: most pictures with a coset, and that come back exactly. batches: one row for each B.
    """

    shape: AttentionShape
    open: int
    frozen_open: int
    sincos_open: int
    coset_most: int
    exact_most: int
    batches: tuple[BatchRank, ...]


@dataclass(frozen=True)
class RankReport:
    """A network's layers, image first, and what follows from them.

    breaking: the first layer from the output side that a recursion does not get through. security_index:
    sum over convolutions i (from the image, of L layers) of round(-D_i (L - 1 - i) / (L - 1)), more
    negative is more secure (Chen and Campbell, BMVC 2022). condition: the worst, where measured. attention: of a vision
    transformer, whose layers are then its positions and its patches alone. rounds: what several updates of one picture show
    together, and adapters: what an update of adapters alone shows of each dense layer, where that was asked for.
    """

    model: str
    input: Shape
    layers: tuple[LayerRank, ...]
    verdict: Verdict
    sentence: str
    breaking: str | None
    security_index: int
    condition: float | None
    mode: Mode
    notices: tuple[str, ...] = ()
    attention: AttentionRank | None = None
    rounds: Exposure | None = None
    adapters: tuple[AdapterRank, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the command line prints them."""
        document = asdict(self)
        document["input"] = list(self.input)
        document["layers"] = [_plain(layer) for layer in self.layers]
        document["notices"] = list(self.notices)
        if self.adapters is not None:
            document["adapters"] = [one.to_json() for one in self.adapters]
        if self.attention is not None:
            document["attention"]["batches"] = [asdict(row) for row in self.attention.batches]
        return document


def report(model: str, shape: Shape, layers: tuple[LayerRank, ...], mode: Mode, notices: tuple[str, ...]) -> RankReport:
    """The report over finished rows."""
    stopped = next((layer for layer in reversed(layers) if not layer.passed), None)
    if any(layer.route == "unsupported" for layer in layers):
        verdict: Verdict = "unsupported"
    elif stopped is None:
        verdict = "exact"
    else:
        verdict = "partial" if any(layer.index > 0 for layer in layers) else "optimisation"
    conditions = [layer.condition for layer in layers if layer.condition is not None]
    return RankReport(
        model=model,
        input=shape,
        layers=layers,
        verdict=verdict,
        sentence=_sentence(verdict, layers, stopped),
        breaking=stopped.name if stopped else None,
        security_index=_security_index(layers),
        condition=max(conditions, default=None),
        mode=mode,
        notices=notices,
    )


def _sentence(verdict: Verdict, layers: tuple[LayerRank, ...], stopped: LayerRank | None) -> str:
    if stopped is None:
        return "Whoever sees the gradient of a single picture can compute the picture exactly, without any search."
    if verdict == "unsupported":
        named = next(layer for layer in reversed(layers) if layer.route == "unsupported")
        return (
            f"Exact recovery stops at layer {named.name}, because {named.reason}; that is no protection against"
            " attacks that search for the picture."
        )
    short = f"{stopped.deficiency} of the {stopped.unknowns} values that enter layer {stopped.name}"
    if verdict == "optimisation":
        return (
            f"Exact recovery stops because {short} stay open, but an attack that searches for the picture still has"
            " enough equations: do not count on this network to hide it."
        )
    worst = max(layers, key=lambda layer: layer.index)
    return (
        f"Exact recovery stops because {short} stay open, and even an attack that searches lacks {worst.index}"
        f" equations at layer {worst.name}: the gradient of a single picture fixes only a part of it."
    )


def _security_index(layers: tuple[LayerRank, ...]) -> int:
    linear = [layer for layer in layers if layer.kind in ("conv", "dense")]
    last = len(linear) - 1
    return sum(
        round(-layer.deficiency * (last - i) / last) for i, layer in enumerate(linear) if last and layer.kind == "conv"
    )


def _plain(layer: LayerRank) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(layer).items()}
