"""Rank analysis by formula: any network that can be drawn, at any size, at once. No torch."""

from __future__ import annotations

from gi_core.analysis.rank import formulas, residuals
from gi_core.analysis.rank.attention import with_attention
from gi_core.analysis.rank.report import RankReport, report
from gi_core.analysis.rank.rows import masked, rows
from gi_core.settings.chain import Affine, Residual, chain
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import Dense, Graph, Shape
from gi_core.settings.network_base import Model
from gi_core.settings.networks import VisionTransformer
from gi_core.settings.spear_checks import of_batches
from gi_core.settings.transformer_checks import shape_of

HALF = "ReLU tells only its active units: half of them are taken as active."


class Formulas:
    """Ranks for weights and k in general position; half of the units behind a ReLU are taken as active."""

    def affine(self, block: Affine) -> formulas.Ranks:
        mask = block.reading == "mask"
        if isinstance(block.op, Dense):
            return formulas.dense(block.op, mask)
        return formulas.convolution(block.op, block.input_shape, mask)

    def residual(self, block: Residual) -> tuple[formulas.Ranks, formulas.Ranks]:
        return residuals.residual(block)


def count(graph: Graph, title: str = "") -> RankReport:
    """Rank analysis by the formulas of `rank.formulas`, for weights in general position. Never raises."""
    blocks = chain(graph)
    found = tuple(rows(blocks, graph.input_shape, Formulas()))
    notices = ((HALF,) if any(map(masked, blocks)) else ()) + of_batches(blocks)
    return report(title, graph.input_shape, found, "count", notices)


def counted(settings: Model, shape: Shape, classes: int, title: str = "") -> RankReport:
    """Rank analysis by formula of a network on pictures (C, H, W), attention included. Raises SpecError where they do not fit."""
    found = count(drawing(settings, shape, classes), title)
    if isinstance(settings, VisionTransformer):
        return with_attention(found, shape_of(settings, (shape[1], shape[2])), "encoder.pos_embedding", "conv_proj")
    return found
