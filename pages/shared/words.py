"""Sentences and numbers for people."""

from __future__ import annotations

import html
import math
import shlex
from collections.abc import Mapping
from typing import Any

from gi_core.data.views import bare
from gi_core.jobs.job import Job
from gi_core.settings import ATTACKS, MODELS, Experiment
from gi_core.settings.client import Fresh, FromFile
from gi_core.settings.custom import CustomNet
from gi_core.settings.documents import whole_number
from gi_core.settings.networks import Model
from gi_core.settings.recorded_round import Recorded
from pages.shared import sent

STATES = {
    "queued": ("◷", "waiting"),
    "running": ("▶", "running"),
    "pausing": ("◷", "pausing…"),
    "paused": ("‖", "paused"),
    "done": ("✓", "done"),
    "incomplete": ("!", "done, but not all"),
    "failed": ("✕", "failed"),
    "cancelled": ("■", "cancelled"),
}


def state(job: Job) -> tuple[str, str]:
    """(sign, word) of a job's state; a cancel not obeyed yet shows at once."""
    if job.asked == "cancel" and not job.over:
        return "◷", "cancelling…"
    if job.state == "running" and not job.progress.get("iteration"):
        return "▶", "starting"
    return STATES[job.state]


def escape(text: Any) -> str:
    """Escape a text for HTML."""
    return html.escape(str(text), quote=True)


def plain(text: Any) -> str:
    """Escape a text for Streamlit's markdown, so that it is shown as it is."""
    return "".join("\\" + c if c in r"\`*_[]<>#$~:|" else c for c in str(text).replace("\n", " "))


def span(seconds: float | None) -> str:
    """A duration: less than 0.1 s, 0.4 s, 12 s, 2 min, 3 min 20 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    seconds = max(seconds, 60.0)
    if seconds < 3600:
        return _both(int(seconds // 60), "min", int(seconds % 60), "s")
    return _both(int(seconds // 3600), "h", int(seconds % 3600 // 60), "min")


def _both(large: int, of_large: str, small: int, of_small: str) -> str:
    """Two units, the smaller one only where it counts something."""
    return f"{large} {of_large}" + (f" {small} {of_small}" if small else "")


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def rate(per_second: float | None) -> str:
    """Iterations per second, or seconds per iteration when slower than one."""
    if not per_second:
        return "–"
    return f"{per_second:.3g} it/s" if per_second >= 1 else f"{1 / per_second:.3g} s/it"


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
    model = MODELS.get((spec.get("model") or {}).get("kind", "lenet"))
    attack = ATTACKS.get((spec.get("attack") or {}).get("kind", "levenberg_marquardt"))
    first = "Recorded update" if spec.get("recorded") else first
    parts = [first, model.title if model else "", *sent.short(spec), attack.title if attack else ""]
    defenses = len(spec.get("defenses") or ())
    if defenses:
        known = ", known" if (spec.get("attack") or {}).get("adaptive") else ""
        parts.append(f"{defenses} defense{'s' * (defenses > 1)}{known}")
    return " · ".join(part for part in parts if part)


def model(settings: Model) -> str:
    """A network for a command line; a drawn one is saved as a file first."""
    return "custom:network.json" if isinstance(settings, CustomNet) else settings.name


def command(experiment: Experiment) -> str:
    """The same experiment for a terminal."""
    if experiment.recorded is not None:
        return _invert(experiment, experiment.recorded)
    words = ["python", "-m", "gi_core", "attack"]
    for ref in experiment.samples:
        words += ["--sample", ref]
    words += ["--model", model(experiment.model), "--attack", experiment.attack.name]
    if experiment.client.name != "fedsgd":
        words += ["--client", experiment.client.name]
    for defense in experiment.defenses:
        words += ["--defense", defense.name]
    words += _weights(experiment)
    for flag in ("size", "seed"):
        value = getattr(experiment, flag)
        if value not in (None, Experiment.model_fields[flag].default):
            words += [f"--{flag}", str(value)]
    for label in experiment.labels or ():
        words += ["--label", str(label)]
    if experiment.normalise != "none":
        words += ["--normalise", experiment.normalise]
    if experiment.device != "auto":
        words += ["--device", experiment.device]
    for flag in ("channels", "seconds"):
        if getattr(experiment, flag) is not None:
            words += ["--set", f"{flag}={getattr(experiment, flag):g}"]
    return shlex.join(words)


def _invert(experiment: Experiment, files: Recorded) -> str:
    """The command line for a recorded update; its client is named with what that command would otherwise take for granted."""
    client = experiment.client
    usual = [f"{n}={getattr(client, n)}" for n in ("batch_norm", "statistics") if f"{n}=" not in client.name]
    said = {
        "checkpoint": files.checkpoint, "update": files.update, "bn-stats": files.statistics, "reference": files.reference,
        "image-size": experiment.size, "channels": experiment.channels, "images": files.images if files.images > 1 else None,
        "client": client.name + ("," if ":" in client.name else ":") * bool(usual) + ",".join(usual),
        "attack": experiment.attack.name, "model": model(experiment.model),
    }  # fmt: skip
    words = ["python", "-m", "gi_core", "invert"]
    for flag, value in said.items():
        words += [f"--{flag}", str(value)] if value is not None else []
    for label in experiment.labels or ():
        words += ["--label", str(label)]
    for flag in ("normalise", "seed", "device"):
        value = getattr(experiment, flag)
        words += [f"--{flag}", str(value)] if value != Experiment.model_fields[flag].default else []
    words += ["--set", f"seconds={experiment.seconds:g}"] if experiment.seconds is not None else []
    return shlex.join(words)


def _weights(experiment: Experiment) -> list[str]:
    weights = experiment.weights
    if isinstance(weights, Fresh):
        return []
    if isinstance(weights, FromFile):
        return ["--weights", weights.path]
    words = ["--weights", weights.kind]
    for name, field in type(weights).model_fields.items():
        value = getattr(weights, name)
        if name != "kind" and value != field.default:
            words += ["--set", f"weights.{name}={value}"]
    return words
