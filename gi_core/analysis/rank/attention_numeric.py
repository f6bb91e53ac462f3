"""Rank analysis of a vision transformer by measurement: one backward pass of random pictures in float64, and its ranks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gi_core.analysis.rank.attention import with_attention
from gi_core.analysis.rank.report import LayerRank, RankReport
from gi_core.networks.attention_shape import attention_shape
from gi_core.networks.tokens import Tokens, tokens_of
from gi_core.settings.attention_bounds import AttentionShape
from gi_core.settings.graph import Shape

MOST_PARAMETERS = 12_000_000
"""Of a network whose backward pass is made in float64 here; a larger one is counted."""
ROUNDING = 1e-11
"""Share of the largest singular value below which one is rounding."""


@dataclass(frozen=True)
class Measured:
    """positions: rank of the positions' gradient (T, D). span: of the patches' (D, n). condition: of the former. coset: directions
    of a patch that both leave open. separating: null space of the equations for which patches share a picture, at best one
    dimension for each picture; None where they cannot be read. misplaced: directions of a patch that the layer norm leaves open.
    """

    positions: int
    span: int
    condition: float
    coset: int
    separating: int | None
    misplaced: int


def shape_in(model: nn.Module, input_shape: Shape) -> tuple[AttentionShape, Tokens] | None:
    """The shape of any module that adds positions to patches, sines told by their rank; None of another."""
    channels, height, width = input_shape
    tokens = tokens_of(model, (channels, height, width))
    frozen = tokens is not None and tokens.positions not in dict(model.named_parameters())
    shape = attention_shape(model, tokens, channels, not frozen) if tokens is not None else None
    if tokens is None or shape is None:
        return None
    table = {**dict(model.named_parameters()), **dict(model.named_buffers())}[tokens.positions]
    rows = table.detach().double().reshape(-1, tokens.width)[-tokens.count :]
    sines = replace(shape, positions="sincos")
    if frozen and int(torch.linalg.matrix_rank(rows, rtol=1e-5)) <= sines.position_rank < tokens.count:
        shape = sines
    return shape, tokens


def measured(
    model: nn.Module, tokens: Tokens, heads: int, input_shape: Shape, pictures: int = 1, seed: int = 0
) -> Measured:
    """The ranks of so many random pictures behind one gradient. The model is not changed."""
    model = copy.deepcopy(model).double().eval()
    draws = torch.Generator().manual_seed(seed)
    x = torch.rand((pictures, *input_shape), dtype=torch.float64, generator=draws)
    seen: list[Tensor] = []
    hook = model.get_submodule(tokens.norms[-1]).register_forward_hook(lambda _m, _i, out: seen.append(out.detach()))
    try:
        logits = model(x)
    finally:
        hook.remove()
    labels = torch.randint(logits.shape[1], (pictures,), generator=draws)
    named = dict(model.named_parameters())
    loss = nn.functional.cross_entropy(logits, labels, reduction="sum") if logits.shape[1] > 1 else logits.sum()
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    gradients = {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(named.items(), found, strict=True)}
    kernel = tokens.kernel
    patches = gradients[kernel].flatten(1)
    sent = tokens.positions in gradients
    rows = gradients[tokens.positions].reshape(-1, tokens.width)[-tokens.count :] if sent else patches.new_zeros(1, 1)
    singular = torch.linalg.svdvals(rows)
    rank = _rank(singular)
    u, s, vt = torch.linalg.svd(patches, full_matrices=False)
    r = _rank(s)
    duals = rows @ u[:, :r] / s[:r] if sent else patches.new_zeros(0, r)
    z = seen[0]
    return Measured(
        rank, r, float(singular[0] / singular[max(rank, 1) - 1]), r - _rank(torch.linalg.svdvals(duals)) if sent else r,
        _separating(gradients, named, tokens, heads, z) if pictures > 1 else None,
        _misplaced(model, tokens, z[0], named[kernel].detach().flatten(1) @ vt[:r].T),
    )  # fmt: skip


def _rank(singular: Tensor) -> int:
    return int((singular > ROUNDING * singular[0]).sum()) if len(singular) and float(singular[0]) > 0 else 0


def _misplaced(model: nn.Module, tokens: Tokens, z: Tensor, columns: Tensor) -> int:
    """Directions of (a, sigma) for which g C W R^T a + sigma beta stays in the span of one picture's tokens z (T + c, D)."""
    for name in tokens.norms:
        norm = model.get_submodule(name)
        assert isinstance(norm, nn.LayerNorm)
        columns = columns - columns.mean(0)
        if norm.weight is not None:
            columns = norm.weight.detach()[:, None] * columns
        if norm.bias is not None and bool(norm.bias.any()):
            columns = torch.cat([columns, norm.bias.detach()[:, None]], 1)
    columns = columns / columns.norm(dim=0)
    u, s, _ = torch.linalg.svd(z.T, full_matrices=True)
    beyond = u[:, _rank(s) :]
    return columns.shape[1] - _rank(torch.linalg.svdvals(beyond.T @ columns)) if beyond.shape[1] else columns.shape[1]


def _separating(
    gradients: dict[str, Tensor], named: Mapping[str, Tensor], tokens: Tokens, heads: int, z: Tensor
) -> int | None:
    """Null space of W_k X (Pi G_k)^T = G_q X^T (Pi W_q)^T over the heads, for X (m, m) on the span of the tokens."""
    width, c = tokens.width, tokens.prefix
    if len(tokens.reading) != 1 or named[tokens.reading[0]].shape != (3 * width, width) or not c:
        return None
    weight = tokens.reading[0]
    bias = weight.removesuffix("weight") + "bias"
    if bias not in named:
        return None
    known = z[0, :c]
    (wq, wk, _), (bq, _, _) = named[weight].detach().split(width), named[bias].detach().split(width)
    (gq, gk, _), (db, _, _) = gradients[weight].split(width), gradients[bias].split(width)
    gq = gq - db[:, None] * known[0]
    differences = (z[:, c:] - known[0]).reshape(-1, width)
    beside = known[1:] - known[0]
    if c > 1:
        basis = torch.linalg.svd(beside, full_matrices=False)[2]
        differences = differences - differences @ basis.T @ basis
    u, s, vt = torch.linalg.svd(differences, full_matrices=False)
    span = vt[: _rank(s)].T
    blocks, d = [], width // heads
    for k in range(heads):
        part = slice(k * d, (k + 1) * d)
        right = _beyond(wq[part] @ known.T + bq[part, None])
        left = _beyond(wk[part] @ beside.T) if c > 1 else torch.eye(d, dtype=z.dtype)
        k1, r1 = left @ wk[part] @ span, right @ gk[part] @ span
        k2, r2 = left @ gq[part] @ span, right @ wq[part] @ span
        scale = (k1.norm() * r1.norm() + k2.norm() * r2.norm()) ** -0.5
        block = torch.einsum("ia,jb->ijab", k1, r1) - torch.einsum("ja,ib->ijab", r2, k2)
        blocks.append(scale * block.flatten(2).flatten(0, 1))
    equations = torch.cat(blocks)
    return equations.shape[1] - _rank(torch.linalg.svdvals(equations))


def _beyond(columns: Tensor) -> Tensor:
    """Rows that are orthonormal and orthogonal to the columns."""
    return torch.linalg.svd(columns, full_matrices=True)[0][:, columns.shape[1] :].T


def as_transformer(report: RankReport, shape: AttentionShape, tokens: Tokens) -> RankReport:
    """A report with the rows of the transformer that was found in the network."""
    return with_attention(report, shape, tokens.positions, tokens.patches)


def numeric(
    report: RankReport, model: nn.Module, shape: AttentionShape, tokens: Tokens, input_shape: Shape, seed: int = 0
) -> RankReport:
    """The report of a transformer with its ranks as measured on one random picture."""
    if sum(p.numel() for p in model.parameters()) > MOST_PARAMETERS:
        return replace(report, notices=(*report.notices, "Counted, not measured, for the size of the network."))
    seen = measured(model, tokens, shape.heads, input_shape, 1, seed)
    rows = tuple(_row(layer, seen, shape) for layer in report.layers)
    return replace(
        report, layers=rows, mode="numeric", condition=seen.condition if shape.positions == "learned" else None
    )


def _row(layer: LayerRank, seen: Measured, shape: AttentionShape) -> LayerRank:
    if layer.kind != "positions":
        return replace(layer, rank=seen.span, rank_gradient=seen.span, deficiency=layer.unknowns - seen.span)
    if shape.positions == "learned":
        rank, condition = seen.positions * shape.values, seen.condition
    else:
        rank, condition = layer.unknowns - seen.misplaced * shape.patches, None
    missing = layer.unknowns - rank
    route = layer.route if not missing else "under-determined"
    return replace(
        layer, rank=rank, rank_gradient=rank, deficiency=missing, index=missing, condition=condition, route=route
    )
