"""What a wall asks: the page's form, whose every defense is a row, and the attacks that are its columns."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.settings import ATTACKS, Experiment, build
from gi_core.settings.controls import CONTROLS
from gi_core.settings.sweep import Axis, Sweep
from pages.shared import form, words
from pages.shared.experiment import possible
from pages.shared.experiment.defenses import naming

PAGE = "wall"
COLUMNS, ROWS = "Attack", "Defense"
"""Names of the sweep's axes."""
FIRST = build({
    "samples": ["bundled/faces:3"], "size": 25, "model": {"kind": "lenet", "init": "uniform"}, "seconds": 8,
    "attack": {"kind": "dlg"},
    "defenses": [
        {"kind": "gaussian_noise", "std": 0.002}, {"kind": "pruning", "fraction": 0.3}, {"kind": "quantisation", "bits": 4},
        {"kind": "soteria"}, {"kind": "dp_sgd"},
    ],
})  # fmt: skip
START: dict[str, Any] = {
    "attacks": ["dlg", "inverting_gradients", "fl_gradient_inversion", "levenberg_marquardt"],
    "iterations": 300,
    "both": True,
    "controls": True,
}
MEASURED = 165.0
"""Seconds that the first wall takes on two idle cores, workers' start included: 130 without its controls, as measured, and ten runs more."""
_PLAN = "wall.plan"


def plan() -> dict[str, Any]:
    """attacks: kinds of the columns. iterations: at most, of each attack. both: also by an attacker who knows. controls: rows below."""
    return st.session_state.setdefault(_PLAN, dict(START))


def change(**values: Any) -> None:
    """Set some of the plan."""
    st.session_state[_PLAN] = {**plan(), **values}


def attack(experiment: Experiment, kind: str, most: int) -> dict[str, Any]:
    """A column's settings: what fits the pictures, with at most so many iterations."""
    settings = possible.fitting(experiment, kind)
    known = ATTACKS[kind].model_fields.get("iterations")
    settings |= {"iterations": min(known.default, most)} if known and known.default else {}
    return ATTACKS[kind](**settings).model_dump(mode="json")


def sweep() -> Sweep:
    """The wall that the form asks for. Raises SpecError."""
    return make(form.current(), plan())


def first() -> Sweep:
    """The wall that a newcomer finds in the form, its controls included: that of the example."""
    return make(FIRST, START)


def make(asked: Experiment, chosen: dict[str, Any]) -> Sweep:
    """The wall as a sweep; rows twice where both attackers are asked for. Raises SpecError."""
    base = asked.model_copy(update={"defenses": ()})
    rows: list[tuple[str, dict[str, Any]]] = [(naming.NONE, {"defenses": []})]
    for defense in asked.defenses:
        name, alone = naming.named([defense]), [defense.model_dump(mode="json")]
        rows.append((name, {"defenses": alone}))
        if chosen["both"]:
            rows.append((name + ", known to the attacker", {"defenses": alone, "attack.adaptive": True}))
    if chosen.get("controls"):
        rows += [(title, {"defenses": [], "control": kind}) for kind, (title, _) in CONTROLS.items()]
    rows = list({label: (label, change) for label, change in rows}.values())
    return Sweep(
        name=f"Wall: {words.sample_name(asked.samples[0])}, {asked.model.title}"[:120],
        question="What does each attack get past each defense?", base=base,
        axes=(
            Axis(name=COLUMNS, path="attack", values=tuple(attack(base, k, chosen["iterations"]) for k in chosen["attacks"]),
                 labels=tuple(ATTACKS[k].title for k in chosen["attacks"])),
            Axis(name=ROWS, values=tuple(change for _, change in rows), labels=tuple(label for label, _ in rows)),
        ),
    )  # fmt: skip


def is_wall(asked: Sweep) -> bool:
    """Whether a sweep has a wall's axes."""
    return of_wall({"axes": [{"name": axis.name} for axis in asked.axes]})


def of_wall(spec: dict[str, Any]) -> bool:
    """The same of a sweep as it is stored."""
    return {COLUMNS, ROWS} == {axis["name"] for axis in spec.get("axes") or ()}


def fill(asked: Sweep) -> None:
    """The form as it stood when this wall was asked for."""
    attacks, defenses = (next(a for a in asked.axes if a.name == name) for name in (COLUMNS, ROWS))
    changes = [defenses.changes(k) for k in range(len(defenses.values))]
    controls = [c for c in changes if c.get("control")]
    changes = [c for c in changes if not c.get("control")]
    naive = [c for c in changes if not c.get("attack.adaptive")]
    rows = [d for c in naive for d in c.get("defenses", ())]
    values = [v if isinstance(v, dict) else {"kind": str(v).partition(":")[0]} for v in attacks.values]
    base = asked.base.model_dump(mode="json")
    form.replace(build({**base, "defenses": rows}))
    change(
        attacks=[v["kind"] for v in values], both=len(naive) < len(changes), controls=bool(controls),
        iterations=max([v["iterations"] for v in values if v.get("iterations")], default=START["iterations"]),
    )  # fmt: skip
