"""A federation: accuracy of the global network, and leakage of each attacked client with its 95 % band, over the rounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.figures import axes
from gi_core.figures.drawing import Drawing, Trace
from gi_core.figures.lines import band, line, told_apart
from gi_core.figures.themes import GREY, SIGNS, colour

Document = Mapping[str, Any]
"""The result of a federation, or its progress."""


def accuracy(found: Document, total: int | None = None, height: int = 280) -> Drawing:
    """Accuracy and loss of the global network on pictures that no client has; round 0 is before any training.

    total: rounds that there will be; those that there are where it is None.
    """
    points: list[tuple[int, Mapping[str, Any]]] = [(0, found["start"])] if found.get("start") else []
    points += [(r["round"], r) for r in _rounds(found)]
    rounds = [k for k, _ in points]
    traces = [
        line(rounds, [p["accuracy"] for _, p in points], "accuracy", 0, **_marked(0)),
        line(rounds, [p["loss"] for _, p in points], "loss", 1, yaxis="y2", **_marked(1)),
    ]
    layout = {
        "xaxis": _across(found, total, 0), "hovermode": "x unified", "showlegend": True,
        "yaxis": axes.plain("accuracy", range=[0, 1], uirevision="left"),
        "yaxis2": axes.plain("loss", overlaying="y", side="right", rangemode="tozero", showgrid=False, tickmode="auto", nticks=5, uirevision="right"),
    }  # fmt: skip
    return Drawing(
        "accuracy", "Accuracy of the global network, on pictures that no client has",
        "Accuracy and loss of the global network over the rounds", traces, layout, height=height,
    )  # fmt: skip


def leakage(found: Document, total: int | None = None, height: int = 280) -> Drawing:
    """Mean and band of each attacked client, with the line at which the prior picture is as good."""
    leaks = [{**one, "round": r["round"]} for r in _rounds(found) for one in r["clients"]]
    measured = {one["measure"] for one in leaks if one.get("measure")}
    measure = "SSIM" if measured == {"ssim"} else "RDLV"
    bands: list[Trace] = []
    traces: list[Trace] = []
    for number, client in enumerate(sorted({one["client"] for one in leaks})):
        seen = [one for one in leaks if one["client"] == client and one.get("rdlv_mean") is not None]
        rounds, mean = [one["round"] for one in seen], [one["rdlv_mean"] for one in seen]
        low, high = [one["rdlv_low"] for one in seen], [one["rdlv_high"] for one in seen]
        if any(top > bottom for bottom, top in zip(low, high, strict=True)):
            bands.append(band(rounds, low, high, number))
        ends = [[a, b] for a, b in zip(low, high, strict=True)]
        said = "%{y:.3g} (%{customdata[0]:.3g} to %{customdata[1]:.3g})"
        traces.append(
            line(rounds, mean, f"client {client}", number, customdata=ends, hovertemplate=said, **_marked(number))
        )
    last = max([total or 0, 2, *(r["round"] for r in _rounds(found))])
    guess: Trace = {
        "type": "scatter", "mode": "lines", "uid": "guess", "name": "as good as a guess", "x": [1, last], "y": [0, 0], "hoverinfo": "skip",
        "line": {"color": GREY, "width": 2},
    }  # fmt: skip
    layout = {
        "xaxis": _across(found, total, 1), "yaxis": axes.plain(measure), "hovermode": "x unified", "showlegend": True,
    }  # fmt: skip
    return Drawing(
        "leakage", f"Leakage ({measure}) of each attacked client", f"{measure} of each attacked client over the rounds, mean and 95 % band",
        [*bands, guess, *told_apart(traces)], layout, height=height,
    )  # fmt: skip


def exposure(found: Document, total: int | None = None, height: int = 280) -> Drawing:
    """Share of the directions of each attacked client's pictures that its updates so far show together, with the round after which
    they are exact as a larger mark.
    """
    rows = [
        {**one["exposure"], "client": one["client"], "round": r["round"]}
        for r in _rounds(found)
        for one in r["clients"]
        if one.get("exposure")
    ]
    traces: list[Trace] = []
    for number, client in enumerate(sorted({row["client"] for row in rows})):
        own = [row for row in rows if row["client"] == client]
        told = [
            [row["rank"], row["directions"], row["expected_error"], "exact" if row["exact"] else "open"] for row in own
        ]
        said = "%{customdata[0]} of %{customdata[1]} directions, %{customdata[2]:.1g} per pixel, %{customdata[3]}"
        marked = _marked(number)
        marked["marker"] = {**marked["marker"], "size": [13 if row["exact"] else 8 for row in own]}
        shares = [row["rank"] / row["directions"] for row in own]
        traces.append(
            line(
                [row["round"] for row in own],
                shares,
                f"client {client}",
                number,
                customdata=told,
                hovertemplate=said,
                **marked,
            )
        )
    layout = {
        "xaxis": _across(found, total, 1), "yaxis": axes.plain("share shown", range=[0, 1.05]), "hovermode": "x unified", "showlegend": True,
    }  # fmt: skip
    return Drawing(
        "exposure", "Directions of each attacked client's pictures that its updates so far show",
        "Share of the directions that the updates of each attacked client show together, over the rounds; large marks: exact",
        told_apart(traces), layout, height=height,
    )  # fmt: skip


def exposed(found: Document) -> bool:
    """Whether any client's rounds were examined."""
    return any(one.get("exposure") for r in _rounds(found) for one in r["clients"])


def _rounds(found: Document) -> list[Mapping[str, Any]]:
    return list(found.get("rounds") or ())


def _marked(number: int) -> dict[str, Any]:
    return {
        "mode": "lines+markers",
        "marker": {"symbol": SIGNS[number % len(SIGNS)], "size": 8, "color": colour(number)},
    }


def _across(found: Document, total: int | None, first: int) -> dict[str, Any]:
    last = max([total or 0, first + 1, *(r["round"] for r in _rounds(found))])
    pad = 0.03 * (last - first)
    return axes.whole("round", first, last, range=[first - pad, last + pad], uirevision=f"to {last}")
