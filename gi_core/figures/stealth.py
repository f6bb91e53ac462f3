"""A server that hides what it prepared: what its client could notice, against what still comes back."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.analysis.stealth import Measured
from gi_core.figures import axes
from gi_core.figures.drawing import Drawing
from gi_core.figures.lines import line
from gi_core.figures.themes import SIGNS, colour
from gi_core.settings.registry import SERVERS

CAPTION = "16 crops of 32 pixels, untrained; LeNet, or an MLP of 256 units for traps; back: above 25 dB, mean and 95 % interval; batches measured: {}"


def chart(found: Sequence[Measured], height: int = 300) -> Drawing:
    """One line for each server, by growing softness from the right; right of the dashed line its client notices."""
    traces = []
    for number, kind in enumerate(dict.fromkeys(m.server for m in found)):
        here = [m for m in found if m.server == kind]
        traces.append(
            line(
                [m.score for m in here], [100 * m.share for m in here], SERVERS[kind].title, number, mode="lines+markers",
                marker={"symbol": SIGNS[number % len(SIGNS)], "size": 9, "color": colour(number)},
                error_y={
                    "type": "data", "symmetric": False, "thickness": 1, "width": 3, "color": colour(number),
                    "array": [100 * (m.high - m.back) / m.of for m in here], "arrayminus": [100 * (m.back - m.low) / m.of for m in here],
                },
                customdata=[
                    [f"{m.softness:g}", f"{m.back:.2g} of {m.of} ({m.low:.2g} to {m.high:.2g})", f"{m.psnr:.0f} dB"] for m in here
                ],
                hovertemplate="softness %{customdata[0]}<br>back %{customdata[1]}, the best at %{customdata[2]}<br>score %{x:.3g}",
            )
        )  # fmt: skip
    layout = {
        "xaxis": axes.powers("score of the check, more is noticed to the right", [m.score for m in found]),
        "yaxis": axes.plain("pictures that come back (%)", range=[-4, 104]), "showlegend": True, "hovermode": "closest",
        "shapes": [axes.mark(x=1.0)],
        "annotations": [axes.note("noticed from here", x=0, y=1, yref="y domain", xanchor="left", yanchor="top", xshift=6)],
    }  # fmt: skip
    return Drawing(
        "stealth", "What a server that hides shows its client, against what comes back",
        "Share of the private pictures that come back against the score of the model check, one line for each dishonest server",
        traces, layout, caption=CAPTION.format(_counts([m.batches for m in found])), height=height,
    )  # fmt: skip


def _counts(batches: Sequence[int]) -> str:
    """How many, or from how many to how many."""
    fewest, most = min(batches, default=0), max(batches, default=0)
    return f"{most}" if fewest == most else f"{fewest} to {most}"
