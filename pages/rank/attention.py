"""What a vision transformer gives away of batches, and a table of known ones."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.analysis.rank.known_transformers import TRANSFORMERS
from pages.shared.rank.table import ROW

_BATCHES: dict[str, tuple[str, str]] = {
    "pictures": ("Pictures", "Behind one gradient."),
    "unknowns": ("Values", "Of all of their patches."),
    "back": (
        "Back?",
        "✓ every picture comes back exactly; mixture: at each place what the pictures show is known up to a mixture.",
    ),
    "coset_open": ("Open in the coset", "Values that the gradients of positions and patches leave open: T² B (B - 1)."),
    "inseparable": (
        "Not told apart",
        "Dimensions by which it stays open which patches belong together: (B T)² - B less the first attention's equations.",
    ),
    "misplaced": ("Not placed", "Directions of each patch that stay open once its picture stands alone."),
}
_KNOWN: dict[str, tuple[str, str]] = {
    "title": ("Network", "As its paper names it."),
    "side": ("Pixels", "Side of the picture."),
    "patches": ("Patches", "T, places of a picture."),
    "coset_most": ("Mixture up to", "Most pictures of which the gradient fixes a mixture at each place."),
    "exact_most": ("Exact up to", "Most pictures that come back exactly, all of them."),
    "words": ("One picture", "What the gradient of a single picture gives away."),
}
_WIDTHS = {"title": 150, "words": 330}
_MOST_ROWS = 12


def draw(report: RankReport) -> None:
    """Both tables, of a vision transformer."""
    found = report.attention
    if found is None:
        return
    st.html(
        '<h4 class="gi-sub">Batches <small>how many pictures behind one gradient equations still give back</small></h4>'
    )
    rows = [
        {
            "pictures": row.pictures, "unknowns": row.unknowns, "inseparable": row.inseparable, "misplaced": row.misplaced,
            "coset_open": row.coset_open,
            "back": "✓" if row.pictures <= found.exact_most else "mixture" if row.pictures <= found.coset_most else "✕",
        }
        for row in found.batches
    ]  # fmt: skip
    _table(rows, _BATCHES, "rank_batches", "What stays open of each number of pictures")
    st.html('<h4 class="gi-sub">Known vision transformers <small>counted by the same formulas</small></h4>')
    known = [
        {**row, "coset_most": row["coset_most"] or None, "exact_most": row["exact_most"] or None}
        for row in (entry.to_json() for entry in TRANSFORMERS)
    ]
    _table(known, _KNOWN, "rank_transformers", "Up to how many pictures known transformers give away")


def _table(rows: list[dict[str, Any]], columns: dict[str, tuple[str, str]], key: str, alt: str) -> None:
    config = {
        name: st.column_config.Column(title, help=about, pinned=name == next(iter(columns)), width=_WIDTHS.get(name))
        for name, (title, about) in columns.items()
    }
    st.dataframe(
        rows, column_order=list(columns), column_config=config, hide_index=True, key=key, placeholder="–", row_height=ROW,
        height=ROW * (min(len(rows), _MOST_ROWS) + 1) + 3, alt=alt,
    )  # fmt: skip
