"""The influence of several pictures, or of one under several weights: what compares predictions with each other and with runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gi_core.figures import axes
from gi_core.figures.drawing import Drawing, Trace, text
from gi_core.figures.influence import LOWEST
from gi_core.figures.lines import line, told_apart
from gi_core.figures.themes import COLOURS, GREY, PATTERNS, SIGNS, pattern
from gi_core.numerics.spectrum import PRIOR


def inits(errors: Mapping[str, tuple[float, float]], height: int = 240) -> Drawing:
    """Predicted error per pixel, without and with a prior, of each way to draw the weights; the lowest bar leaks most."""
    names = list(errors)
    traces: list[Trace] = [
        {
            "type": "bar", "uid": title, "name": title, "x": list(range(len(names))), "y": [min(1e4, max(LOWEST, errors[n][k])) for n in names],
            "customdata": [[text(n), errors[n][k]] for n in names], "hovertemplate": "%{customdata[0]}: %{customdata[1]:.2g}",
            "marker": {"color": COLOURS[k],  "pattern": pattern(PATTERNS[k])},
        }
        for k, title in enumerate(("without a prior", "with a prior"))
    ]  # fmt: skip
    values = [v for trace in traces for v in trace["y"]]
    traces.append({
        "type": "scatter", "mode": "lines", "uid": "grey", "name": "guessing grey", "x": [-0.5, len(names) - 0.5], "y": [PRIOR, PRIOR],
        "line": {"color": GREY, "dash": "dash", "width": 1.5}, "hoverinfo": "skip",
    })  # fmt: skip
    floor = min(math.floor(math.log10(min(values))), -1) if values else -1
    top = max(math.log10(max(values)) if values else 0.0, math.log10(PRIOR)) + 0.25
    layout = {
        "xaxis": axes.names(names), "yaxis": axes.powers("error per pixel", (10.0**floor, 10.0**top), range=[floor, top]), "barmode": "group",
        "showlegend": True,
    }  # fmt: skip
    return Drawing(
        "inits",
        "Predicted error for each initialisation",
        "Predicted error per pixel for each initialisation",
        traces,
        layout,
        height=height,
    )


def epochs(names: Sequence[str], lines: Mapping[str, Sequence[float]], height: int = 260) -> Drawing:
    """Quantities along training, each by its own dash and sign; the last of them on the right axis. names: epochs, as words."""
    traces, last = [], len(lines) - 1
    for number, (title, values) in enumerate(lines.items()):
        sign = {"mode": "lines+markers", "marker": {"symbol": SIGNS[number], "size": 9, "color": COLOURS[number]}}
        side = {"yaxis": "y2"} if number == last else {}
        traces.append(line(list(range(len(names))), values, title, number, hovertemplate="%{y:.2g}", **sign, **side))
    left = [v for name, values in list(lines.items())[:-1] for v in values]
    right = list(lines.values())[-1]
    layout = {
        "xaxis": axes.names(names, "epochs"), "yaxis": axes.powers("error per pixel", left), "showlegend": True, "hovermode": "x unified",
        "yaxis2": axes.powers(list(lines)[-1], right, overlaying="y", side="right", showgrid=False),
    }  # fmt: skip
    return Drawing(
        "epochs", "Along training", "Predicted error per pixel and gradient norm along training", told_apart(traces, log=True), layout, height=height
    )  # fmt: skip


def classes(errors: Mapping[str, Sequence[tuple[str, float]]], height: int = 240) -> Drawing:
    """Predicted error per pixel by class: a box of quartiles, and each picture as a dot. errors: class -> (picture, error)."""
    names = list(errors)
    traces: list[Trace] = [
        {
            "type": "box", "uid": f"box {k}", "name": text(name), "x0": k, "y": [v for _, v in errors[name]], "boxpoints": False, "hoverinfo": "skip",
            "line": {"color": COLOURS[0], "width": 1.5}, "fillcolor": "rgba(0, 114, 178, 0.18)", "width": 0.5,
        }
        for k, name in enumerate(names)
    ]  # fmt: skip
    dots = [(k, *one) for k, name in enumerate(names) for one in errors[name]]
    traces.append({
        "type": "scatter", "mode": "markers", "uid": "pictures", "name": "error per pixel", "x": [k for k, _, _ in dots], "y": [v for _, _, v in dots],
        "marker": {"color": COLOURS[1], "size": 7, "opacity": 0.8}, "customdata": [text(name) for _, name, _ in dots],
        "hovertemplate": "%{customdata}: %{y:.2g}<extra></extra>",
    })  # fmt: skip
    layout = {
        "xaxis": axes.names(names),
        "yaxis": axes.powers("error per pixel", [v for _, _, v in dots]),
        "showlegend": False,
    }
    return Drawing(
        "classes", "Predicted error by class", "Predicted error per pixel by class", traces, layout, height=height
    )


def calibration(runs: Sequence[tuple[str, float, float, bool]], height: int = 320) -> Drawing:
    """Measured against predicted error of finished runs. runs: (name, predicted, measured, whether it stands out)."""
    known = [v for _, a, b, _ in runs for v in (a, b) if v > 0]
    low = min(-3, math.floor(math.log10(min(known)))) if known else -3
    high = max(0, math.ceil(math.log10(max(known)))) if known else 0
    ends = [10.0**low, 10.0**high]
    traces: list[Trace] = [{
        "type": "scatter", "mode": "lines", "uid": "agreement", "name": "as predicted", "x": ends, "y": ends, "hoverinfo": "skip",
        "line": {"color": GREY, "dash": "dash", "width": 1.5},
    }]  # fmt: skip
    for name, mine in (("runs", False), ("this check", True)):
        here = [run for run in runs if run[3] is mine]
        if here:
            traces.append({
                "type": "scatter", "mode": "markers", "uid": name, "name": name, "x": [r[1] for r in here], "y": [r[2] for r in here],
                "marker": {"color": COLOURS[mine], "size": 14 if mine else 9, "symbol": SIGNS[3 * mine]}, "customdata": [text(r[0]) for r in here],
                "hovertemplate": "%{customdata}<br>predicted %{x:.2g}, measured %{y:.2g}<extra></extra>",
            })  # fmt: skip
    both = {"range": [low, high]}
    layout = {
        "xaxis": axes.powers("predicted error per pixel, without a prior", ends, **both), "yaxis": axes.powers("measured", ends, **both),
        "showlegend": True,
    }  # fmt: skip
    return Drawing(
        "calibration", "Predicted against measured error", "Measured against predicted error per pixel of finished runs, with the line of agreement",
        traces, layout, height=height,
    )  # fmt: skip
