"""Rank analysis of vision transformers: what one picture gives away, and up to which batch. No torch.

The recursion of the other networks stops at attention, but nothing has to go through it: patches follow from the gradients
of the positions and of the first attention, whatever the blocks above do (`gi_core/settings/attention_bounds.py`).
"""

from __future__ import annotations

from dataclasses import replace

from gi_core.analysis.rank.report import AttentionRank, BatchRank, LayerRank, RankReport, Verdict
from gi_core.settings import attention_bounds as bounds
from gi_core.settings.attention_bounds import AttentionShape

MOST_ROWS = 16
"""Batches that a report lists."""


def analysed(shape: AttentionShape) -> AttentionRank:
    """Everything that the bounds say of one transformer."""
    coset, exact = bounds.coset_most(shape), bounds.exact_most(shape)
    sent = shape.positions == "learned"
    rows = tuple(
        BatchRank(
            b, b * shape.patches * shape.values, bounds.coset_open(shape, b), bounds.inseparable(shape, b) if b > 1 else 0,
            bounds.open_directions(shape) if b == 1 and sent else bounds.misplaced(shape, b, sent),
        )
        for b in range(1, min(MOST_ROWS, max(coset, exact, 1) + 1) + 1)
    )  # fmt: skip
    return AttentionRank(
        shape, bounds.open_directions(shape), bounds.misplaced(replace(shape, positions="frozen")),
        bounds.misplaced(replace(shape, positions="sincos")), coset, exact, rows,
    )  # fmt: skip


def with_attention(report: RankReport, shape: AttentionShape, positions: str, kernel: str) -> RankReport:
    """The report with what attention gives away in place of the layers that no recursion passes.

    positions, kernel: names of the tensors of positions and patches.
    """
    found = analysed(shape)
    verdict: Verdict = "exact" if found.exact_most else "partial"
    rows = (_patches(shape, positions), _span(shape, kernel))
    return replace(
        report, layers=rows, verdict=verdict, sentence=sentence(found), breaking=None if found.exact_most else positions,
        security_index=0, condition=None, notices=(), attention=found,
    )  # fmt: skip


def _patches(shape: AttentionShape, name: str) -> LayerRank:
    """The patches: S^T P = G, which has min(T, D) independent equations for each of the n values of a patch."""
    unknowns, missing = shape.patches * shape.values, bounds.open_directions(shape) * shape.values
    if shape.positions != "learned":
        missing = bounds.misplaced(shape) * shape.patches
        unknowns = (min(shape.patches, shape.span) + 1) * shape.patches
    return LayerRank(
        name=name, kind="positions", description=f"{shape.patches} patches of {shape.values} values",
        input_shape=(shape.patches, shape.values), output_shape=(shape.patches, shape.width), unknowns=unknowns,
        weight_constraints=0, gradient_constraints=shape.width * shape.values, padding=0, rank_weight=0,
        rank_gradient=unknowns - missing, overlap=0, rank=unknowns - missing, deficiency=missing, virtual=0, index=missing,
        route="under-determined" if missing else "gradient",
    )  # fmt: skip


def _span(shape: AttentionShape, name: str) -> LayerRank:
    """The space that the patches of one picture span, of which the gradient of their weights says all."""
    rank = min(shape.patches, shape.span)
    return LayerRank(
        name=name, kind="conv", description=f"patches to {shape.width}", input_shape=(shape.values,),
        output_shape=(shape.width,), unknowns=rank, weight_constraints=0, gradient_constraints=shape.width * shape.values,
        padding=0, rank_weight=0, rank_gradient=rank, overlap=0, rank=rank, deficiency=0, virtual=0, index=0, route="gradient",
    )  # fmt: skip


def sentence(found: AttentionRank) -> str:
    """What one picture gives away, then a batch."""
    shape, coset, exact = found.shape, found.coset_most, found.exact_most
    if shape.positions != "learned" and not exact:
        return (
            f"The positions send no gradient, and the first attention leaves {bounds.misplaced(shape)} directions of each patch"
            " open, so equations alone do not give a picture back; a search may."
        )
    if not exact:
        return (
            f"{shape.patches} patches do not fit into a hidden size of {shape.width}: {found.open} directions of a picture are"
            " not in its gradient, and what pictures look like has to fill them in."
        )
    begin = "Whoever sees the gradient of a single picture can compute the picture exactly, without any search"
    if exact > 1:
        more = f"; up to {exact} pictures behind one gradient come back exactly too"
        return (
            begin
            + more
            + (f", and up to {coset} up to a mixture of what they show at one place." if coset > exact else ".")
        )
    if coset > 1:
        return f"{begin}; of {_to(2, coset)} pictures it gives a mixture of what they show at one place, of more nothing in closed form."
    return f"{begin}; of several pictures equations alone give nothing back."


def of_batch(found: AttentionRank, pictures: int) -> tuple[Verdict, str]:
    """(verdict, one clause) of so many pictures behind one gradient."""
    exact, coset = found.exact_most, found.coset_most
    if pictures == 1 and exact:
        return (
            "exact",
            "the positions' gradient gives every patch of the picture in its place, whatever the blocks above do",
        )
    if pictures == 1:
        return (
            "partial",
            f"{found.open} of {found.shape.patches} directions of the picture's patches are not in the gradient",
        )
    share = f"{pictures} pictures share one update"
    if pictures <= exact:
        return "exact", f"{share}, and the first attention's gradients tell up to {exact} apart exactly"
    tells = f"equations tell {exact} apart at most" if exact > 1 else "equations do not tell them apart"
    if pictures <= coset:
        return "partial", f"{share}: at each place what they show is known up to a mixture, and {tells}"
    return "partial", f"{share}: their patches are more than the gradient spans, and {tells}"


def _to(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} or {last}" if last == first + 1 else f"{first} to {last}"
