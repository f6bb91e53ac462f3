"""The question of the updates page: the files as they are given one by one, and what a worker finds in them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.client import FedAvg
from gi_core.types.inspection import Inspection, read
from gi_core.update_files.guessing import guess
from pages.shared import address, form, inspecting
from pages.shared.experiment.permitted import forbidden

PARTS = ("update", "checkpoint", "statistics", "reference")
COUNTS = "bundled/faces:0"
"""Stands for each unknown picture: only the number of samples is looked at."""
FIRST = build({
    "samples": [COUNTS], "size": 224, "channels": 3, "model": {"kind": "resnet18", "classes": 2},
    "client": {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"},
    "attack": {"kind": "auto"},
})  # fmt: skip
_PARTS, _GUESS, _KNOWN, _PRIOR, _KIND = (f"updates.{n}" for n in ("parts", "guess", "inspected", "prior", "kind"))


def files() -> dict[str, str]:
    """Part -> reference of every file that is given so far."""
    recorded = form.current().recorded
    if recorded is None:
        return dict(st.session_state.get(_PARTS, {}))
    return {part: ref for part in PARTS if (ref := getattr(recorded, part))}


def give(part: str, ref: str | None) -> None:
    """Take a file, or put it away. A new update is looked at before anything is said of its network."""
    found = {**files(), part: ref}
    st.session_state[_PARTS] = found = {name: value for name, value in found.items() if value}
    whole = "update" in found and "checkpoint" in found
    now = form.current()
    kept = now.recorded.model_dump(mode="json", include={"contents"}) if now.recorded and part != "update" else {}
    form.change(("recorded",), {**kept, **found, "images": len(now.samples)} if whole else None)
    if part == "update":
        st.session_state[_GUESS] = ref
        address.put(run=None)  # what is shown beside it was about another one


def fill(experiment: Experiment) -> None:
    """Take over a whole recorded round."""
    _forget(_GUESS, _PRIOR, _KIND)
    form.replace(experiment)


def clear() -> None:
    """Make the form as a newcomer finds it."""
    _forget(_PARTS, _GUESS, _PRIOR, _KIND)
    form.replace(FIRST)


def _forget(*names: str) -> None:
    for name in names:
        st.session_state.pop(name, None)
    address.put(run=None)


def looks() -> dict[str, Any] | None:
    """What a worker is asked about the files; None without an update. Before the guess the file alone."""
    found, now = files(), form.current()
    if "update" not in found:
        return None
    if st.session_state.get(_GUESS) == found["update"]:
        return {"recorded": {"update": found["update"]}}
    recorded: dict[str, Any] = {part: found[part] for part in PARTS[:3] if part in found}
    if now.recorded is not None:
        recorded |= now.recorded.model_dump(mode="json", include={"withheld", "sent", "contents"})
    return {
        "recorded": recorded, "model": now.model.model_dump(mode="json"), "size": now.size, "channels": now.channels,
        "client": {"kind": now.client.kind}, "sparse": any(d.hides_zeros() for d in now.defenses),
    }  # fmt: skip


def inspected() -> Job | None:
    """The job that looks into the files as the form has them, asked for once. Raises SpecError."""
    asked = looks()
    if asked is None:
        return None
    wrong = [p.reason for p in forbidden(form.current()) if p.field.startswith("recorded")]
    if wrong:
        raise SpecError(wrong[0])
    return inspecting.looked("inspect", asked, _KNOWN)


def settle() -> None:
    """Take over what a look at a new update tells, and keep the prior picture over a change of attack."""
    now, kept = form.current().attack, st.session_state.get(_PRIOR)
    if "prior" in type(now).model_fields:
        if kept and now.prior_picture is None and now.kind != st.session_state.get(_KIND):
            form.change(("attack", "prior"), kept)
        else:
            st.session_state[_PRIOR] = now.prior_picture
    st.session_state[_KIND] = now.kind
    job = inspected() if st.session_state.get(_GUESS) else None
    found = read(job.result) if job is not None and job.state == "done" else None
    if found is not None:
        del st.session_state[_GUESS]
        form.replace(_guessed(form.current(), found))


def _guessed(now: Experiment, found: Inspection) -> Experiment:
    """The form with what the update's shapes and counters tell; the rest as it stood."""
    values = now.model_dump(mode="json")
    seen = guess({layer["file_name"]: tuple(layer["shape"]) for layer in found["layers"]})
    if seen is not None:
        values["model"] = seen["model"]
        values |= {name: seen[name] for name in ("size", "channels") if seen[name]}
    else:
        values["model"]["classes"] = found["classes"] or now.model.classes
        values["channels"] = found["channels"] or now.channels
    there = found["statistics"]["present"]
    values["client"] |= {"batch_norm": "train", "statistics": "shared"} if there else {"statistics": "withheld"}
    if isinstance(now.client, FedAvg) and found["steps"]:
        values["client"]["epochs"] = min(found["steps"], 50)
    try:
        return build(values)
    except SpecError:
        return now
