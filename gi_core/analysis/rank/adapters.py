"""What an update of low-rank adapters shows of the inputs of a dense layer (n to m), by formula. No torch.

Of N pictures with inputs X (n, N) and signals D (m, N), dL/dA = B^T D X^T and dL/dB = D X^T A^T, A (r, n), B (m, r). For weights, inputs and
signals in general position, with the signals known, these are equations for X of rank

    n rho + r (sigma - rho),   sigma = rank D = min(m, N),   rho = rank B^T D = min(r, sigma), and 0 where B = 0:

of rho mixtures of the pictures the whole input shows, of the others A x alone. dL/dA itself, without the signals, spans rho
dimensions of the inputs: of one picture, where B is not zero, the input up to a factor.
Last layer under cross-entropy: the signals of each picture sum to zero, so sigma = min(m - 1, N).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gi_core.common.errors import SpecError
from gi_core.settings.graph import Dense, Graph


@dataclass(frozen=True)
class AdapterRank:
    """Of one layer. inputs, outputs: n, m. rank: r. pictures: N. span: rho. shown: rank of the equations, of `unknowns` = n N."""

    name: str
    inputs: int
    outputs: int
    rank: int
    pictures: int
    span: int
    shown: int
    unknowns: int

    @property
    def exact(self) -> bool:
        """Whether every input follows from the update, once the signals are known."""
        return self.shown == self.unknowns

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "exact": self.exact, "sentence": self.sentence()}

    def sentence(self) -> str:
        """For a person."""
        if self.exact and self.pictures == 1:
            return f"{self.name}: every row of dL/dA is the layer's input times a number, so the input shows."
        if self.exact:
            return f"{self.name}: dL/dA spans the inputs of all {self.pictures} pictures, and with their signals known they follow."
        if not self.span:
            return (
                f"{self.name}: as B is zero, dL/dA is zero and A x alone shows: {self.shown} of {self.unknowns} values."
            )
        return f"{self.name}: {self.span} mixtures of {self.pictures} inputs show, of the others A x alone: {self.shown} of {self.unknowns} values."


def layer(
    name: str, inputs: int, outputs: int, rank: int, pictures: int = 1, zero: bool = False, sums_to_zero: bool = False
) -> AdapterRank:
    """Of a dense layer. zero: whether B = 0. sums_to_zero: whether the signals of a picture do."""
    r = min(rank, inputs, outputs)
    sigma = min(outputs - sums_to_zero, pictures)
    rho = 0 if zero else min(r, sigma)
    return AdapterRank(name, inputs, outputs, r, pictures, rho, inputs * rho + r * (sigma - rho), inputs * pictures)


def of_graph(graph: Graph, rank: int, pictures: int = 1, zero: bool = False) -> tuple[AdapterRank, ...]:
    """Every dense layer of a drawn network, the picture's side first. Raises SpecError where there is none."""
    if rank < 1 or pictures < 1:
        raise SpecError("adapters have a rank of 1 or more, and there is 1 picture or more")
    dense = [(one.name, one.op) for one in graph.layers if isinstance(one.op, Dense)]
    if not dense:
        raise SpecError("this network has no dense layer that is drawn, so none can be adapted: choose another network")
    last = dense[-1][0]
    return tuple(
        layer(name, op.features_in, op.features, rank, pictures, zero, name == last and op.features > 1)
        for name, op in dense
    )
