"""What a claim's measurement looks like."""

from __future__ import annotations

from typing import Any

from gi_core.reproductions import Measured
from gi_core.reproductions.verdicts import Counted


def found(**more: Any) -> Measured:
    base = {
        "value": 1.0, "interval": (0.5, 1.5), "level": 0.95, "pictures": 50, "seeds": 50, "failed": 0, "refused": 0, "own": True,
        "data": "MNIST, 50 of a folder", "budget": "small", "seconds": 1.0, "device": "cpu", "date": "2026-01-01", "version": "0",
        "runs": [], "verdict": "reproduced", "sweep": "", "controls": {}, "accuracy": None,
    }  # fmt: skip
    return Measured(**(base | more))  # type: ignore[typeddict-item]


def counted(value: float, pictures: int = 2) -> Counted:
    """What a control came to."""
    return Counted(value=value, interval=(value - 0.5, value + 0.5), pictures=pictures, failed=0, refused=0)


def rows(values: list[float | None], metric: str = "psnr", state: str = "done") -> list[dict[str, Any]]:
    """Rows of a sweep's table; None: a run that failed."""
    return [
        {"state": state if v is not None else "failed", metric: v, "seed": i, "seconds": 1.0, "run_id": f"{i:012x}"}
        for i, v in enumerate(values)
    ]
