"""How the numbers were measured: the one protocol of this project, in sentences for a reader who has only the report."""

from __future__ import annotations

from gi_core.metrics.registry import METRICS, PSNR_CAP
from gi_core.metrics.words import EXACT, SEEN_PSNR, SEEN_SSIM, TRACE_SSIM

SENTENCES: tuple[str, ...] = (
    "Pictures are compared as pixels in [0, 1]: the answer is denormalised, clamped to [0, 1] and then measured.",
    f"PSNR is 10 log10(1 / MSE) in dB, at most {PSNR_CAP:.0f}. SSIM has a Gaussian window with sigma 1.5 and data range 1;"
    " below 11 pixels the window shrinks.",
    "In a batch, each original is matched with one reconstruction so that the sum of the squared errors is least; means and"
    " standard deviations are over the pictures.",
    "Several trials of one attack are ranked by the attacker's own loss, never by the original.",
    f"What a person would see: a picture is called exact where MSE is below {EXACT:g}, seen where SSIM is at least {SEEN_SSIM} or"
    f" PSNR at least {SEEN_PSNR:.0f} dB, traces where SSIM is at least {TRACE_SSIM}, not seen otherwise, and not seen where the"
    " server's prior picture is more like the original, unless a machine finds it, or a blank picture as like it.",
    "Whether a machine finds it: found where the original is nearest to the answer of all candidates. Neither follows from the other.",
    "What was not measured stands as not measured; it is never replaced by another number.",
)  # fmt: skip


def metrics(names: list[str]) -> list[tuple[str, str]]:
    """Title -> meaning of the metrics that a report shows."""
    return [(METRICS[name].axis, METRICS[name].sentence) for name in names if name in METRICS]
