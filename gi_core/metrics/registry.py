"""Every metric, once: what it is called and means, where it is drawn, and the function that measures it.

Results, report, lab, comparison, sweeps, frontier, wall and documentation take their metrics from here. No torch, no
skimage: a function is named by its place, and loaded when a picture is measured.
"""

from __future__ import annotations

from gi_core.metrics.meanings import EVERYWHERE, Metric, Place, plain

PSNR_CAP = 150.0
"""dB. Equality has no finite PSNR; 150 dB is about the rounding of float32 pixels."""
LIVE = ("psnr", "ssim")
"""Followed while an attack runs: the fields of a point of its curve."""
SEEN_PSNR = 25.0

_ALL = (
    Metric(
        "mse", "MSE", "lower",
        "Mean squared error of the pixels, both pictures in [0, 1]; below 0.001 looks the same.",
        "gi_core.metrics.pixels.mse", rank=30, chart_rank=45,
        thresholds={"least": 0.005, "exact": 1e-4},
    ),
    Metric(
        "psnr", "PSNR", "higher",
        f"Error on a log scale: from {SEEN_PSNR:.0f} dB a person sees it, above 30 hard to tell; {PSNR_CAP:.0f} at most.",
        "gi_core.metrics.pixels.psnr_of", unit="dB", rank=10,
        thresholds={"seen": SEEN_PSNR, "least": 1.0, "alike": 50.0, "alone": 18.0},
    ),
    Metric(
        "ssim", "SSIM", "higher",
        "Likeness of local structure: 1 when equal, from 0.5 a person sees it, from 0.2 traces, near 0 when unrelated.",
        "gi_core.metrics.pixels.ssim_of", takes="batch", rank=20, from_zero=True,
        thresholds={"seen": 0.5, "trace": 0.2, "least": 0.05},
        cites=("wang2004image",),
    ),
    Metric(
        "ssim_blank", "SSIM of a blank picture", "higher",
        "SSIM that a blank picture of the original's mean colour would have: a smooth original is like it.",
        "gi_core.metrics.pixels.ssim_of", takes="batch", drawn=frozenset(), cites=("wang2004image",),
    ),
    Metric(
        "psnr_blank", "PSNR of a blank picture", "higher",
        "PSNR that a blank picture of the original's mean colour would have.",
        "gi_core.metrics.pixels.ssim_of", unit="dB", takes="batch", drawn=frozenset(),
    ),
    Metric(
        "lpips", "LPIPS", "lower",
        "Distance as a trained eye (AlexNet) sees it, 0 when equal, above 0.5 when unrelated.",
        "gi_core.metrics.perceptual.lpips_of", takes="batch", rank=40, drawn=EVERYWHERE - {"pictures"},
        thresholds={"least": 0.05}, note_missing=True,
        cites=("zhang2018unreasonable",),
    ),
    Metric(
        "iip_rank", "Identified as", "lower",
        "Place of the true original among candidate pictures, sorted by their distance to the answer; 1: a machine finds it.",
        "gi_core.metrics.matching.identified", takes="batch", short="rank", rank=50, reads="count",
        out_of="iip_candidates", thresholds={"least": 1.0}, cites=("yin2021see",),
    ),
    Metric(
        "iip_percentile", "Identifiability", "higher",
        "Share of the other candidates that are farther off than the original; 50 is chance.",
        "gi_core.metrics.matching.identified", unit="%", takes="batch", drawn=frozenset(), cites=("yin2021see",),
    ),
    Metric(
        "rmse_unclamped", "RMSE, unclamped", "lower",
        "Root mean squared error before pixels are clamped to [0, 1], to compare with theory.",
        "gi_core.metrics.pixels.rmse_unclamped_of", takes="batch", drawn=frozenset(),
    ),
    Metric(
        "rdlv", "RDLV", "higher",
        "How much more the answer is like the original than the server's prior picture is: 0 is no more, 1 is twice as much,"
        " below 0 is less.",
        "gi_core.metrics.rdlv.rdlv_of", takes="batch", rank=60, drawn=frozenset({"lab", "table", "chart"}),
        optional=True, note_missing=True, cites=("hatamizadeh2023gradient",),
    ),
    Metric(
        "label_accuracy", "Labels right", "higher",
        "Share of the labels that the attack recovered correctly.",
        "gi_core.metrics.labels.accuracy_of", takes="batch", rank=90, drawn=frozenset({"lab", "table"}), reads="share",
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
if len(METRICS) < len(_ALL):
    raise ValueError("two metrics of one name")


def drawn(place: Place) -> tuple[str, ...]:
    """Names of the metrics of that place, in its order: a table's is the registry's, elsewhere the most telling is first."""
    names = [name for name, metric in METRICS.items() if place in metric.drawn]
    if place == "table":
        return tuple(names)
    return tuple(sorted(names, key=lambda name: _rank(METRICS[name], place)))


def _rank(metric: Metric, place: Place) -> int:
    return metric.chart_rank if place == "chart" and metric.chart_rank is not None else metric.rank


def shown(name: str, value: float | int | None) -> str:
    """A metric's value as a person reads it, with its unit; `not measured` for None."""
    if name in METRICS:
        return METRICS[name].shown(value)
    return "not measured" if value is None else plain(value)
