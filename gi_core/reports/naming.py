"""What a run is called: its picture, its network, what was sent, its attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.data.views import bare
from gi_core.reports import sent
from gi_core.settings import ATTACKS, EVERY_MODEL
from gi_core.settings.documents import whole_number


def sample_name(ref: str) -> str:
    """A sample reference as people say it."""
    ref, seen = bare(ref), ", cropped" if "#crop=" in ref else ""
    return _plain_name(ref) + seen


def _plain_name(ref: str) -> str:
    if ref.startswith("upload:"):
        return "uploaded picture"
    if ref.startswith("bundled/faces:"):
        number = ref.rpartition(":")[2]
        return ("No face " if (whole_number(number) or 0) >= 100 else "Face ") + number
    name = ref.removeprefix("bundled/").replace("_", " ").replace(":", " ")
    return name[:1].upper() + name[1:]


def question(spec: Mapping[str, Any]) -> str:
    """Picture · network · what was sent · attack, from a stored spec."""
    samples = spec.get("samples") or ["bundled/astronaut"]
    first = sample_name(str(samples[0])) + (f" and {len(samples) - 1} more" if len(samples) > 1 else "")
    model = EVERY_MODEL.get((spec.get("model") or {}).get("kind", "lenet"))
    attack = ATTACKS.get((spec.get("attack") or {}).get("kind", "levenberg_marquardt"))
    first = "Recorded update" if spec.get("recorded") else first
    parts = [first, model.title if model else "", *sent.short(spec), attack.title if attack else ""]
    defenses = len(spec.get("defenses") or ())
    if defenses:
        known = ", known" if (spec.get("attack") or {}).get("adaptive") else ""
        parts.append(f"{defenses} defense{'s' * (defenses > 1)}{known}")
    return " · ".join(part for part in parts if part)
