"""What every number means, as data for pages and tables. No torch, no skimage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PSNR_CAP = 150.0
"""dB. Equality has no finite PSNR; 150 dB is about the rounding of float32 pixels."""


@dataclass(frozen=True)
class Meaning:
    """name: key in `metrics`. unit: "" for a pure number. better: which direction is a better
    reconstruction, that is a worse leak. sentence: one line for a person."""

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    sentence: str


_ALL = (
    Meaning(
        "mse", "MSE", "", "lower",
        "Mean squared error of the pixels, both pictures in [0, 1]; below 0.001 looks the same.",
    ),
    Meaning(
        "psnr", "PSNR", "dB", "higher",
        f"Error on a log scale: above 25 dB recognisable, above 30 hard to tell; {PSNR_CAP:.0f} at most.",
    ),
    Meaning(
        "ssim", "SSIM", "", "higher", "Likeness of local structure: 1 when equal, above 0.5 recognisable, near 0 when unrelated."
    ),
    Meaning(
        "lpips", "LPIPS", "", "lower",
        "Distance as a trained eye (AlexNet) sees it, 0 when equal, above 0.5 when unrelated.",
    ),
    Meaning(
        "iip_rank", "Identified as", "", "lower",
        "Place of the true original among candidate pictures, sorted by their distance to the answer; 1 is a hit.",
    ),
    Meaning(
        "iip_percentile", "Identifiability", "%", "higher",
        "Share of the other candidates that are farther off than the original; 50 is chance.",
    ),
    Meaning(
        "rmse_unclamped", "RMSE, unclamped", "", "lower",
        "Root mean squared error before pixels are clamped to [0, 1], to compare with theory.",
    ),
    Meaning(
        "rdlv", "RDLV", "", "higher",
        "How much more the answer is like the original than the server's prior picture is: 0 is no more, 1 is twice as much,"
        " below 0 is less.",
    ),
    Meaning(
        "label_accuracy", "Labels right", "", "higher",
        "Share of the labels that the attack recovered correctly.",
    ),
)  # fmt: skip

MEANINGS: dict[str, Meaning] = {meaning.name: meaning for meaning in _ALL}


def shown(name: str, value: float | int | None) -> str:
    """A metric's value as a person reads it, with its unit; `not measured` for None."""
    if value is None:
        return "not measured"
    if name == "iip_rank":
        return f"{value:g}"
    if name == "label_accuracy":
        return f"{100 * value:.0f} %"
    unit = MEANINGS[name].unit if name in MEANINGS else ""
    if unit:
        return f"{value:.1f} {unit}"
    return f"{value:.3f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"
