"""What a lesson may ask of a run: numbers of its result, by name. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gi_core.metrics.registry import METRICS, drawn
from gi_core.metrics.words import said
from gi_core.settings import SpecError
from gi_core.settings.registry import suggestion
from gi_core.types.attacker_parts import Twin
from gi_core.types.result import Result

_Number = float | int | None


@dataclass(frozen=True)
class Measure:
    """title: for a person. of: reads it off a result, None where it was not measured. shown: as a person reads a value."""

    title: str
    of: Callable[[Result], _Number]
    shown: Callable[[_Number], str]


def measure(name: str) -> Measure:
    """The measure of that name. Raises SpecError that names the nearest."""
    if name not in MEASURES:
        raise SpecError(f"a run has no measure {name!r}: {suggestion(name, MEASURES)}")
    return MEASURES[name]


def _metric(name: str) -> Measure:
    return Measure(METRICS[name].title, lambda result: result["metrics"].get(name), METRICS[name].shown)


def _number(title: str, of: Callable[[Result], _Number], form: str = "{:.3g}") -> Measure:
    return Measure(title, of, lambda value: "not measured" if value is None else form.format(value))


def _span(value: _Number) -> str:
    if value is None:
        return "not measured"
    return f"{value:.1f} s" if value >= 0.05 else "less than 0.1 s"


def _psnrs(result: Result) -> list[float]:
    return [one["psnr"] for one in result["per_image"] if one.get("psnr") is not None]


def _labels(result: Result) -> float | None:
    """Share of the true labels that were read, in whatever order: an average of pictures knows none."""
    true = result["labels"]["true"]
    if not true:
        return None
    return 100 * (Counter(true) & Counter(result["labels"]["recovered"])).total() / len(true)


def _share(value: _Number) -> str:
    if value is None:
        return "not measured"
    if value < 0.001:
        return "less than 0.001 %"
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _epsilon(result: Result) -> float | None:
    return next((e["epsilon"] for e in result["defenses"] if e.get("epsilon") is not None), None)


def _missing(result: Result) -> int | None:
    layers = result.get("layers")
    return max(layer["deficiency"] for layer in layers) if layers else None


def _free(result: Result) -> int | None:
    certainty = result["attacker"].get("certainty")
    return certainty["free_directions"] if certainty else None


def _twin(result: Result) -> Twin | None:
    certainty = result["attacker"].get("certainty")
    return certainty.get("twin") if certainty else None


def _apart(result: Result) -> float | None:
    twin = _twin(result)
    return twin["apart"] if twin else None


def _twin_unexplained(result: Result) -> float | None:
    twin = _twin(result)
    return _percent(twin["residual"]) if twin else None


MEASURES: dict[str, Measure] = {
    **{name: _metric(name) for name in drawn("lab") if name != "rdlv"},
    "best_psnr": _number("PSNR of the best picture", lambda r: max(_psnrs(r), default=None), "{:.1f} dB"),
    "worst_psnr": _number("PSNR of the worst picture", lambda r: min(_psnrs(r), default=None), "{:.1f} dB"),
    "pictures": _number("Pictures compared", lambda r: len(r["per_image"]), "{:.0f}"),
    "seen": _number(
        "Pictures that a person sees", lambda r: sum(said(one).level == "exposed" for one in r["per_image"]), "{:.0f}"
    ),
    "seconds": Measure("Time of the attack", lambda r: r["seconds"], _span),
    "iterations": _number("Iterations", lambda r: r["iterations"], "{:.0f}"),
    "labels": _number("Labels read, in any order", _labels, "{:.0f} %"),
    "unexplained": Measure("Unexplained update", lambda r: _percent(r["attacker"]["residual"]), _share),
    "gradient_norm": _number("Length of the update", lambda r: r["gradient_norm"]),
    "parameters": _number("Numbers in the update", lambda r: r["model"].get("parameters"), "{:,.0f}"),
    "accuracy": _number("Accuracy of the network", lambda r: _percent(r["model"].get("accuracy")), "{:.0f} %"),
    "missing": _number("Missing equations, worst layer", _missing, "{:.0f}"),
    "free_directions": _number("Free directions", _free, "{:.0f}"),
    "twin_apart": _number("Twin's distance, per pixel", _apart, "{:.2f}"),
    "twin_unexplained": Measure("Unexplained by the twin", _twin_unexplained, _share),
    "epsilon": _number("Epsilon of the guarantee", _epsilon),
    "ceiling": _number("Most any attacker gets", lambda r: _percent(r["bracket"]["ceiling"]) if "bracket" in r else None, "{:.0f} %"),
}  # fmt: skip
"""Name in a lesson's file -> measure."""
