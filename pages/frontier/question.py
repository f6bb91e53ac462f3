"""The sweep behind the frontier: the ready one, or what a person made of it in a compact form."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from gi_core.data import browser_allowed, catalogue
from gi_core.data.bundled import PICTURES
from gi_core.experiments.sweeps import ready_sweep
from gi_core.experiments.sweeps.frontier_sweep import DISHONEST, MEDICAL, SETTINGS, Asked, frontier_of
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from pages.shared.session import store
from pages.shared.sweeps import asking

NAME, SECOND = "frontier", "dishonest"
NETWORKS = {
    "lenet:activation=tanh": "LeNet, tanh", "lenet:activation=gelu": "LeNet, GELU",
    "lenet:activation=tanh,width=24": "LeNet, tanh, twice as wide", "mlp:activation=tanh": "MLP, tanh", "mlp:activation=relu": "MLP, ReLU",
}  # fmt: skip
DATA = {
    "bundled": "Crops of bundled pictures (11 classes)", "faces": "Faces and others (2 classes)", "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10",
}  # fmt: skip
ATTACKS = {
    Asked().attack: "Levenberg-Marquardt, strongest on one picture", DISHONEST.attack: "Inverting Gradients, for several pictures",
}  # fmt: skip
PARTS = {"retina": "Retina", "ihc": "Tissue", "patient": "CT of a patient", "phantom": "CT phantom"}
_ASKED = "frontier.asked"


def first() -> Sweep:
    """The named default grid."""
    return ready_sweep(NAME)


def second() -> Sweep:
    """The grid of a server that fishes."""
    return ready_sweep(SECOND)


def asked() -> Asked:
    """What the form asks."""
    found = st.session_state.get(_ASKED)
    return found if isinstance(found, Asked) else Asked()


def current() -> Sweep:
    """What the button draws."""
    return frontier_of(asked())


def hold(question: Asked | None) -> None:
    """Keep what the form asks; None goes back to the default grid."""
    st.session_state[_ASKED] = question


def pictures() -> dict[str, str]:
    """Reference -> title: crops of medical pictures, pictures that the training's crops are of, and faces."""
    crops = {
        ref: f"{PARTS[ref.removeprefix('bundled/').partition('#')[0]]}, part {1 + k // len(PARTS)}"
        for k, ref in enumerate(MEDICAL)
    }
    whole = {f"bundled/{n}": title for n, (title, _, _) in PICTURES.items()}
    faces = {item.ref: item.title for item in catalogue() if item.ref.startswith("bundled/faces") and item.available}
    return crops | whole | faces


def make(question: Asked, chosen: list[str], more: str) -> Asked:
    """The same with these settings beside the undefended client. more: defenses as on a command line, one setting a line. Raises SpecError."""
    settings = {label: SETTINGS[label] for label in ["none", *(c for c in chosen if c != "none")]}
    for line in filter(None, map(str.strip, more.splitlines())):
        settings[line] = tuple(part.strip() for part in line.split("+"))
    if not browser_allowed(question.data):
        raise SpecError("a page trains only on data sets by name")
    made = replace(question, settings=settings)
    frontier_of(made)
    return made


def is_frontier(sweep: Sweep) -> bool:
    """Whether there is something to draw: defenses that vary, with accuracy."""
    return sweep.utility is not None and any("defenses" in a.changes(0) for a in sweep.axes)


def shown() -> Job | None:
    """The sweep looked at: as the address says, else the newest of what the form asks. None where there is none."""
    number = asking.shown()
    if number is None:
        return asking.find(current(), store().jobs(kinds=("sweep",), limit=200))
    job = store().job(number)
    try:
        return job if job is not None and is_frontier(sweeps.sweep_of(store(), number)) else None
    except SpecError:
        return None
