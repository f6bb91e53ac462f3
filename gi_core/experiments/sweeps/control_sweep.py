"""The standing controls of one experiment, as a sweep: the update itself, noise, another client's, and the prior alone. No torch."""

from __future__ import annotations

from gi_core.settings import Experiment, SpecError
from gi_core.settings.controls import CONTROLS, OWN
from gi_core.settings.sweep import Axis, Sweep

NAME, QUESTION = "Standing controls", "What does the attack get where the update shows nothing of the private picture?"


def controls_of(experiment: Experiment) -> Sweep:
    """The sweep. Raises SpecError for an experiment that is a control itself."""
    if experiment.control != "none":
        raise SpecError("this run is a control itself: name the run of the client's own update")
    labels = (OWN, *(title for title, _ in CONTROLS.values()))
    return Sweep(
        name=NAME, question=QUESTION, base=experiment,
        axes=(Axis(name="update", path="control", values=("none", *CONTROLS), labels=labels),),
    )  # fmt: skip
