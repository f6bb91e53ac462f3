"""The answer in one sentence, and the few numbers that go with it."""

from __future__ import annotations

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.analysis.rank.report import AttentionRank
from pages.shared import telling
from pages.shared.rank.question import Fault
from pages.shared.words import escape

VERDICTS = {
    "exact": ("◉", "Exact", "The picture can be solved for, without guessing."),
    "optimisation": ("◐", "Determined for optimisation", "R-GAP falls short; an optimiser still has enough equations."),
    "partial": ("◔", "Partial", "Some of the picture is left open by the equations."),
    "unsupported": ("⊘", "No closed form", "A layer stops the recursion; other attacks may still work."),
}


def draw(report: RankReport, fault: Fault | None) -> None:
    """Fixed height: what is wrong, or the verdict of the network as drawn."""
    sign, title, plain = VERDICTS[report.verdict]
    tone = "stale" if fault else report.verdict
    sentence = report.sentence or plain
    said = telling.paragraph(fault.sentence) if fault else ""
    st.html(
        f'<div class="gi-answer gi-{tone}" role="status"><i aria-hidden="true">{sign}</i><div>'
        f"<h2>{title}</h2><p>{escape(telling.sentence(sentence))}</p>{said or _facts(report)}</div></div>"
    )


def _facts(report: RankReport) -> str:
    facts = (
        _of_batches(report.attention)
        if report.attention is not None
        else [
            (
                f"{len(report.layers)} layer{'s' * (len(report.layers) != 1)}",
                "Layers with weights, and what stands between them",
            ),
            (
                f"security index {report.security_index:,}".replace("-", "−"),
                "Missing ranks summed over the layers, those near the picture weighing more (padding counted, as in COPA);"
                " the further below zero, the safer from a recursion",
            ),
        ]
    )
    if report.condition is not None:
        facts.append((
            f"worst condition {report.condition:.3g}",
            "How much the worst layer multiplies errors, noise included; below 1000 is harmless to exact gradients",
        ))  # fmt: skip
    return (
        "<small>" + " · ".join(f'<span title="{escape(why)}">{escape(text)}</span>' for text, why in facts) + "</small>"
    )


def _of_batches(found: AttentionRank) -> list[tuple[str, str]]:
    return [
        (
            f"{found.shape.patches} patches, {found.shape.heads} heads",
            "Places of a picture, and heads of the first attention",
        ),
        (
            f"exact up to {found.exact_most or 'no picture'}",
            "Most pictures behind one gradient that all come back exactly",
        ),
        (f"a mixture up to {found.coset_most or 'none'}", "Most pictures of which each place is known up to a mixture"),
    ]


def chip(report: RankReport, fault: Fault | None) -> None:
    """The verdict in a word, beside the button; shown where the form and the answer are not side by side."""
    sign, title, _ = VERDICTS[report.verdict]
    text = "✕ A layer does not fit" if fault else f"{sign} {title}"
    st.html(f'<p class="gi-chip gi-{"stale" if fault else report.verdict}">{escape(text)}</p>')
