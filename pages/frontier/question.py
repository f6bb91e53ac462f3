"""The sweep behind the frontier: the ready one, or what a person made of it in a compact form."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.data import browser_allowed, catalogue
from gi_core.data.bundled import PICTURES
from gi_core.experiments.sweeps import ready_sweep
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.settings.sweep import Axis, Sweep, build_sweep
from gi_core.settings.utility import HELD
from pages.shared.session import store
from pages.shared.sweeps import asking

NAME = "frontier"
NETWORKS = {
    "lenet:activation=tanh": "LeNet, tanh", "lenet:activation=gelu": "LeNet, GELU",
    "lenet:activation=tanh,width=24": "LeNet, tanh, twice as wide", "mlp:activation=tanh": "MLP, tanh",
}  # fmt: skip
DATA = {
    "bundled": "Crops of bundled pictures (11 classes)", "faces": "Faces and others (2 classes)", "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10",
}  # fmt: skip
_ASKED = "frontier.asked"


def first() -> Sweep:
    """The named default grid."""
    return ready_sweep(NAME)


def current() -> Sweep:
    """What the button draws."""
    return st.session_state.get(_ASKED) or first()


def hold(sweep: Sweep | None) -> None:
    """Keep what the form asks; None goes back to the default grid."""
    st.session_state[_ASKED] = sweep


def axis(sweep: Sweep, name: str) -> Axis:
    """The axis of that name."""
    return next(a for a in sweep.axes if a.name == name)


def settings_of(sweep: Sweep) -> dict[str, list[str]]:
    """Label of a setting -> its defenses, as on a command line."""
    found = axis(sweep, "defense")
    return {found.label(k): list(value) for k, value in enumerate(found.values)}


def pictures() -> dict[str, str]:
    """Reference -> title, of pictures that the training's crops are of, and faces."""
    return {f"bundled/{n}": title for n, (title, _, _) in PICTURES.items()} | {
        item.ref: item.title for item in catalogue() if item.ref.startswith("bundled/faces") and item.available
    }


def make(
    chosen: list[str], more: str, refs: list[str], size: int, network: str, data: str, rounds: int, seeds: int
) -> Sweep:
    """The default grid with this in its place. more: defenses as on a command line, one setting a line. Raises SpecError."""
    if not refs:
        raise SpecError("choose one picture at least")
    known, grid = settings_of(first()), first()
    settings = {label: known[label] for label in ["none", *(c for c in chosen if c != "none")]}
    for line in filter(None, map(str.strip, more.splitlines())):
        settings[line] = [part.strip() for part in line.split("+")]
    if len(settings) < 2:
        raise SpecError("choose one defense at least: the undefended client is always measured")
    if not browser_allowed(data):
        raise SpecError("a page trains only on data sets by name")
    document: dict[str, Any] = grid.model_dump(mode="json")
    document["base"] |= {"size": size, "model": network}
    document["axes"] = [
        _axis("defense", "defenses", list(settings.values()), list(settings)),
        document["axes"][1],
        _axis("picture", "samples", [[ref] for ref in refs], [ref.removeprefix("bundled/") for ref in refs]),
    ]
    trained = document["utility"]
    if data in HELD:  # the faces are few
        trained["pictures"] = min(trained["pictures"], HELD[data] // trained["clients"])
    trained |= {"data": data, "rounds": rounds, "seeds": list(range(seeds))}
    return build_sweep(document)


def _axis(name: str, path: str, values: list, labels: list[str]) -> dict[str, Any]:
    return {"name": name, "path": path, "values": values, "labels": labels}


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
