"""Whether some classes leak more than others: the spread of the predicted errors by class."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.figures import drawing
from pages.influence.reading import Reading, by_class
from pages.shared.result import charts


def comparable(found: Sequence[Reading]) -> dict[str, list[Reading]]:
    """The pictures by class, where at least two classes have several; else nothing."""
    classes = by_class(found)
    several = [name for name, members in classes.items() if len(members) > 1]
    return classes if len(several) > 1 else {}


def draw(found: Sequence[Reading], sigma: float) -> None:
    """A box for each class, with its pictures as points."""
    classes = comparable(found)
    if not classes:
        return
    charts.heading("By class", "does one kind of picture leak more? Lower is more exposed")
    errors = {name: [(one.name, one.rmse(sigma)) for one in members] for name, members in classes.items()}
    charts.draw(
        drawing("classes", errors).under(f"Noise of standard deviation {sigma:.3g} on each value."), "influence_classes"
    )
