"""Known vision transformers, and up to which batch each gives its pictures away. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gi_core.analysis.rank.attention import analysed
from gi_core.analysis.rank.report import AttentionRank
from gi_core.settings.attention_bounds import AttentionShape, Positions


@dataclass(frozen=True)
class Known:
    """title, side of the picture in pixels, and what is said of it."""

    title: str
    side: int
    found: AttentionRank

    def to_json(self) -> dict[str, Any]:
        """One row, plain values."""
        shape = self.found.shape
        return {
            "title": self.title, "side": self.side, "patches": shape.patches, "hidden": shape.width, "heads": shape.heads,
            "prefix": shape.prefix, "positions": shape.positions, "open": self.found.open,
            "frozen_open": self.found.frozen_open, "coset_most": self.found.coset_most, "exact_most": self.found.exact_most,
            "words": words(self.found),
        }  # fmt: skip


def words(found: AttentionRank) -> str:
    """What one picture gives away, in a few words."""
    if found.exact_most and found.shape.positions == "learned":
        frozen = found.frozen_open
        return "exact" + (
            f"; with frozen positions {frozen} directions of a patch stay open" if frozen else ", frozen positions too"
        )
    if found.shape.positions == "sincos":
        return f"{found.sincos_open} directions of a patch stay open"
    return f"{found.open} of {found.shape.patches} directions are filled in by smoothness"


def _vit(
    title: str, side: int, patch: int, width: int, heads: int, blocks: int = 12, prefix: int = 1, positions: Positions = "learned"
) -> Known:  # fmt: skip
    shape = AttentionShape((side // patch) ** 2, 3 * patch**2, width, heads, prefix, blocks)
    return Known(title, side, analysed(replace(shape, positions=positions)))


TRANSFORMERS: tuple[Known, ...] = (
    _vit("ViT-B/32, CLIP-B/32", 224, 32, 768, 12),
    _vit("ViT-L/32", 224, 32, 1024, 16, 24),
    _vit("ViT-B/16", 64, 16, 768, 12),
    _vit("ViT-B/16", 96, 16, 768, 12),
    _vit("DeiT-S/16", 64, 16, 384, 6),
    _vit("ViT-B/16", 224, 16, 768, 12),
    _vit("ViT-L/16", 224, 16, 1024, 16, 24),
    _vit("DeiT-B/16, distilled", 224, 16, 768, 12, prefix=2),
    _vit("ViT-S/16, DeiT-S/16", 224, 16, 384, 6),
    _vit("ViT-Ti/16, DeiT-Ti/16", 224, 16, 192, 3),
    _vit("ViT-H/14", 224, 14, 1280, 16, 32),
    _vit("MAE ViT-B/16, its positions frozen", 224, 16, 768, 12, positions="sincos"),
)
"""Widths and heads as their papers give them; T, D, H and c alone decide."""
