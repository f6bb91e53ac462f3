"""Two runs of one question that differ in one thing: started by one click, shown side by side, compared in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from pages.shared import address, form, telling
from pages.shared.experiment import launch, press

ALIKE = 1.0
"""dB. A difference below it is within what another start would give."""


@dataclass(frozen=True)
class Pair:
    """family, name: the setting that differs. values: in the first run, in the second. subject: what the second has.

    both: the two experiments of a question. note: what a person is to know before the click.
    """

    family: str
    name: str
    values: tuple[Any, Any]
    label: str
    subject: str
    both: Callable[[Experiment], tuple[Experiment, Experiment]]
    note: Callable[[Experiment], str]


def button(experiment: Experiment, pair: Pair) -> None:
    """One click: both runs are queued, and shown side by side on this page."""
    name = f"pair_{pair.name}"
    if press.button(name, pair.label, icon=":material/compare_arrows:", help=pair.note(experiment)):
        try:
            ids = [launch.start(one) for one in pair.both(experiment)]
        except SpecError as error:
            telling.problem(error)
            return
        form.replace(pair.both(experiment)[0])
        address.put(run=ids[0], beside=ids[1])
        address.sync()
        st.rerun(scope="app")


def difference(jobs: list[Job], pairs: tuple[Pair, ...]) -> str | None:
    """What the one thing changed, from both results; None where they differ in something else or have no PSNR yet."""
    for pair in pairs:
        found = {_value(job.spec, pair): job.metrics.get("psnr") for job in jobs}
        without, with_it = (found.get(value) for value in pair.values)
        if without is not None and with_it is not None and len({_rest(job.spec, pair) for job in jobs}) == 1:
            return _sentence(pair.subject, without, with_it)
    return None


def _sentence(subject: str, without: float, with_it: float) -> str:
    if abs(with_it - without) < ALIKE:
        return f"{subject} hardly mattered here: PSNR {without:.1f} dB without, {with_it:.1f} dB with it."
    verb = "raised" if with_it > without else "lowered"
    return f"{subject} {verb} PSNR from {without:.1f} to {with_it:.1f} dB."


def _value(spec: dict[str, Any], pair: Pair) -> Any:
    return (spec.get(pair.family) or {}).get(pair.name, pair.values[0])


def _rest(spec: dict[str, Any], pair: Pair) -> str:
    family = {k: v for k, v in (spec.get(pair.family) or {}).items() if k != pair.name}
    return repr(sorted({**spec, pair.family: sorted(family.items())}.items()))
