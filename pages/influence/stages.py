"""Charts of one picture under several weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from gi_core.numerics.spectrum import PRIOR
from gi_core.types.influence import Influence
from pages.influence.reading import Reading, short, times
from pages.shared.result import charts
from pages.shared.result.curves import COLOURS, DASHES

Found = Mapping[str, tuple[Reading, Influence]]
_LEAST = 1e-4
_GREY = {"data": [{"yAxis": float(np.log10(PRIOR))}], "label": {"show": True, "formatter": "guessing grey", "position": "insideEndTop"}}  # fmt: skip


def _bounded(rmse: float) -> float:
    return float(np.log10(np.clip(rmse, _LEAST, 1e4)))


def inits(found: Found, sigma: float) -> None:
    """Predicted errors of each way to draw the weights; the lowest bar leaks most."""
    series: list[charts.Option] = [
        {
            "type": "bar", "name": title, "itemStyle": {"color": COLOURS[number]}, "barGap": "10%", "barMaxWidth": 30,
            "data": [[k, _bounded(get(one)), get(one)] for k, (one, _) in enumerate(found.values())],
            "encode": {"x": 0, "y": 1, "tooltip": [2]},
        }
        for number, (title, get) in enumerate(
            (("without a prior", lambda r: r.rmse(sigma)), ("with a prior", lambda r: r.with_prior(sigma)))
        )
    ]  # fmt: skip
    series[0]["markLine"] = charts.mark(yAxis=0) | _GREY
    base = float(np.floor(min(p[1] for s in series for p in s["data"])))
    charts.draw(
        series, {"type": "category", "data": list(found)},
        charts.along("error per pixel", min=min(base, -1.0), startValue=min(base, -1.0)), "influence_inits_chart",
        "Predicted error per pixel for each initialisation", height=220, legend={"right": 4, "top": 0},
        grid=charts.GRID | {"top": 34}, tooltip={"trigger": "axis", "confine": True, "valueFormatter": "%.2g"},
    )  # fmt: skip
    order = sorted(found, key=lambda name: found[name][0].rmse(1.0))
    if len(order) > 1:
        ratio = found[order[-1]][0].rmse(1.0) / found[order[0]][0].rmse(1.0)
        st.html(
            f'<p class="gi-about">At equal noise <b>{order[0]}</b> leaks most and <b>{order[-1]}</b> least, by a factor of'
            f" {times(ratio)} in the error. An attack may still fail where a network is hard to search.</p>"
        )


def epochs(found: Found, sigma: float) -> None:
    """Predicted error and gradient norm by epoch."""
    names = list(found)
    lines = (
        ("error per pixel", [one.rmse(sigma) for one, _ in found.values()], 0),
        ("with a prior", [one.with_prior(sigma) for one, _ in found.values()], 0),
        ("gradient norm", [one.numbers["gradient_norm"] for one, _ in found.values()], 1),
    )
    series: list[charts.Option] = [
        {
            "type": "line", "name": title, "yAxisIndex": axis, "symbol": ("circle", "emptyCircle", "triangle")[k],
            "symbolSize": 8, "data": [[i, charts.power(v), v] for i, v in enumerate(values)],
            "encode": {"x": 0, "y": 1, "tooltip": [2]}, "itemStyle": {"color": COLOURS[k]},
            "lineStyle": {"color": COLOURS[k], "type": DASHES[k], "width": 2},
        }
        for k, (title, values, axis) in enumerate(lines)
    ]  # fmt: skip
    right = charts.along("gradient norm", splitLine={"show": False}) | {
        "nameTextStyle": {"align": "right", "padding": [0, -24, 0, 0]}
    }
    x = {
        "type": "category",
        "data": names,
        "name": "epochs",
        "nameLocation": "middle",
        "nameGap": 24,
        "boundaryGap": False,
    }
    charts.draw(
        series, x, [charts.along("error per pixel"), right], "influence_epochs_chart",
        "Predicted error per pixel and gradient norm along training", height=240, legend={"left": "center", "top": 0},
        grid=charts.GRID | {"top": 56}, tooltip={"trigger": "axis", "confine": True, "valueFormatter": "%.2g"},
    )  # fmt: skip
    right_on = [
        f"{name}: {100 * accuracy:.0f} %"
        for name, (_, answer) in found.items()
        if (accuracy := answer.get("accuracy")) is not None
    ]
    if right_on:
        st.html(
            f'<p class="gi-about">The network is right on new pictures after so many epochs: {", ".join(right_on)}.</p>'
        )
    worst = min(names, key=lambda name: found[name][0].rmse(1.0))
    stage = "before training" if worst == "0" else f"after {worst} epoch" + "s" * (worst != "1")
    st.html(
        f'<p class="gi-about">Most of this picture leaks <b>{stage}</b>: off by {short(found[worst][0].rmse(sigma))} at this'
        " noise. A network that is sure of the label sends a fainter gradient.</p>"
    )
