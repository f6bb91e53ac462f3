"""Whether some classes leak more than others: the spread of the predicted errors by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pages.influence.reading import Reading, by_class
from pages.shared.result import charts
from pages.shared.result.curves import COLOURS


def comparable(found: Sequence[Reading]) -> dict[str, list[Reading]]:
    """The pictures by class, where at least two classes have several; else nothing."""
    classes = by_class(found)
    several = [name for name, members in classes.items() if len(members) > 1]
    return classes if len(several) > 1 else {}


def boxes(classes: dict[str, list[Reading]], sigma: float) -> list[list[float]]:
    """Least, quartiles and most of log10 RMSE, class by class."""
    logs = [np.log10([one.rmse(sigma) for one in members]) for members in classes.values()]
    return [[float(q) for q in np.quantile(values, (0, 0.25, 0.5, 0.75, 1))] for values in logs]


def draw(found: Sequence[Reading], sigma: float) -> None:
    """A box for each class, with its pictures as points."""
    classes = comparable(found)
    if not classes:
        return
    charts.heading("By class", "does one kind of picture leak more? Lower is more exposed")
    dots = [
        [k, float(np.log10(one.rmse(sigma))), one.rmse(sigma), one.name]
        for k, members in enumerate(classes.values())
        for one in members
    ]
    series = [
        {
            "type": "boxplot", "name": "classes", "data": boxes(classes, sigma), "boxWidth": [12, 56], "silent": True,
            "itemStyle": {"color": "rgba(0,114,178,0.18)", "borderColor": COLOURS[0], "borderWidth": 1.5},
        },
        {
            "type": "scatter", "name": "error per pixel", "data": dots, "symbolSize": 7, "itemStyle": {"color": COLOURS[1], "opacity": 0.75},
            "encode": {"x": 0, "y": 1, "tooltip": [3, 2]},
        },
    ]  # fmt: skip
    x = {
        "type": "category", "data": list(classes),
        "axisLabel": {"rotate": 35 if len(classes) > 6 else 0, "width": 90, "overflow": "truncate"},
    }  # fmt: skip
    charts.draw(
        series, x, charts.along("error per pixel"), "influence_classes", "Predicted error per pixel by class", height=210,
        tooltip={"trigger": "item", "confine": True, "formatter": "{@[3]}: {@[2]}"},
    )  # fmt: skip
