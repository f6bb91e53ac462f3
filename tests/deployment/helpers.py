"""Rows of a check's sweep as runs would leave them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gi_core.deployment import Case, Deployment
from gi_core.deployment.cases import positions

LIKE = {
    "seen": {"psnr": 40.0, "mse": 1e-3, "ssim": 0.9},
    "traces": {"psnr": 15.0, "mse": 0.03, "ssim": 0.3},
    "nothing": {"psnr": 9.0, "mse": 0.12, "ssim": 0.01},
}


def rows(asked: Deployment, of: Callable[[Case], str]) -> list[dict[str, Any]]:
    """of: a case -> seen, traces, nothing, failed, queued or kept."""
    made = []
    for case, where in positions(asked):
        for k in where:
            word = of(case)
            row = {
                "position": k + 1,
                "run_id": f"{k:012x}",
                "error": None,
                "state": "done",
                "psnr": None,
                "mse": None,
                "ssim": None,
                "iip_rank": 100,
            }
            if word in ("failed", "queued"):
                row |= {"state": word, "error": "the machine had no memory left" if word == "failed" else None}
            elif word == "kept":
                row |= {
                    "state": "failed",
                    "error": "the client sends nothing, as this model asks for pictures of class 0",
                }
            else:
                row |= LIKE[word]
            made.append(row)
    return made
