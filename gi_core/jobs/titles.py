"""What a job is called in lists."""

from __future__ import annotations

import os
from typing import Any

from gi_core.settings.own_network import MEMORY


def clean(title: str) -> str:
    """The title on one line, of bounded length."""
    return " ".join(str(title).split())[:200]


def question(kind: str, spec: dict[str, Any]) -> str:
    """A title from the question: pictures, network, attack."""
    if kind not in ("run", "train"):
        return ""
    samples = spec.get("samples") or ["bundled/astronaut"]
    more = f" and {len(samples) - 1} more" if len(samples) > 1 else ""
    parts = ["recorded update" if spec.get("recorded") else os.path.basename(str(samples[0])) + more]
    for part in ("model", "attack") if kind == "run" else ("model",):
        value = spec.get(part)
        if isinstance(value, dict) and value.get("kind"):
            own = str(value.get("source") or "").removeprefix(
                MEMORY
            )  # a network of a person's own is called as it is there
            parts.append(own or str(value["kind"]).replace("_", " "))
    return clean(" · ".join(parts))
