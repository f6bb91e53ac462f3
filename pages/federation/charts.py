"""Accuracy and leakage over the rounds, as the published plot: mean and 95 % band of each attacked client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pages.federation.reading import Found
from pages.shared.result import charts
from pages.shared.result.bands import band
from pages.shared.result.curves import COLOURS, DASHES

_LEGEND = {"right": 4, "top": 0, "itemWidth": 26, "itemStyle": {"opacity": 0}}
_GRID = charts.GRID | {"top": 34, "bottom": 22}


def _rounds(total: int, first: int) -> dict[str, Any]:
    return {
        "type": "value", "min": first, "max": max(total, first + 1), "minInterval": 1, "name": "round", "nameLocation": "middle",
        "nameGap": 24, "splitLine": {"show": False},
    }  # fmt: skip


def accuracy(found: Found, total: int) -> None:
    """A chart of the global network's accuracy on pictures that no client has; round 0 is before any training."""
    charts.heading("Accuracy", "of the global network, on pictures that no client has")
    points: list[tuple[int, Mapping[str, Any]]] = [(0, found.start)] if found.start else []
    points += [(r["round"], r) for r in found.rounds]
    series = [
        _line("accuracy", [[k, p["accuracy"]] for k, p in points], 0),
        _line("loss", [[k, p["loss"]] for k, p in points], 1) | {"yAxisIndex": 1},
    ]
    axes = [
        {"type": "value", "min": 0, "max": 1, "axisLabel": {"formatter": "{value}"}},
        {"type": "value", "min": 0, "splitLine": {"show": False}},
    ]
    charts.draw(
        series, _rounds(total, 0), axes, "federation_accuracy", "Accuracy and loss of the global network over the rounds",
        height=260, legend=_LEGEND, grid=_GRID, tooltip={"trigger": "axis", "confine": True, "valueFormatter": "%.3g"},
    )  # fmt: skip


def leakage(found: Found, total: int) -> None:
    """Mean and band of each attacked client, with the line at which the prior is as good."""
    against = "how much more alike than the server's guess: 0 is no more, 1 is twice as much"
    alone = "likeness; nobody else is there, so there is no guess to compare with"
    charts.heading(f"Leakage ({found.measure})", against if found.measure == "RDLV" else alone)
    series: list[dict[str, Any]] = []
    for number, client in enumerate(found.clients()):
        seen = [one for one in found.leaks(client) if one.get("rdlv_mean") is not None]
        if any(one["rdlv_high"] > one["rdlv_low"] for one in seen):
            rounds, low, high = ([one[name] for one in seen] for name in ("round", "rdlv_low", "rdlv_high"))
            series += band(rounds, low, high, number)
        series.append(_line(f"client {client}", [[one["round"], one["rdlv_mean"]] for one in seen], number))
    names = [s["name"] for s in series if not s["name"].startswith("band")]
    zero = {"yAxis": 0}
    mark = charts.mark(**zero) | {"lineStyle": {"color": charts.GREY, "type": "solid", "width": 2}}
    series.append({"type": "line", "name": "as good as a guess", "data": [], "markLine": mark})
    charts.draw(
        series, _rounds(total, 1), {"type": "value", "scale": False}, "federation_leakage",
        f"{found.measure} of each attacked client over the rounds, mean and 95 % band", height=260,
        legend=_LEGEND | {"data": names}, grid=_GRID, tooltip={"trigger": "item", "confine": True, "formatter": "{a}: {@[2]}"},
    )  # fmt: skip


def _line(name: str, points: list[list[Any]], number: int) -> dict[str, Any]:
    colour = COLOURS[number % 6]
    return {
        "type": "line", "name": name, "data": [[x, y, f"{y:.3g}"] for x, y in points if y is not None],
        "encode": {"x": 0, "y": 1, "tooltip": [1]}, "symbol": "circle", "symbolSize": 7,
        "lineStyle": {"color": colour, "width": 2, "type": DASHES[number % 6]}, "itemStyle": {"color": colour},
    }  # fmt: skip
