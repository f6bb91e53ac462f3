"""Batch norm statistics withheld against shared: two runs of one question, and the measured difference."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from gi_core.runs.job import Job
from gi_core.spec import Experiment, SpecError, problems
from gi_core.spec.fl_attacks import FlGradientInversion
from pages.components import launch, words

INSTEAD = FlGradientInversion(iterations=300)
ALIKE = 1.0
"""dB. A difference below it is within what another start would give."""


def pair(experiment: Experiment) -> tuple[Experiment, Experiment]:
    """The question with the client's own batch in batch norm: statistics withheld, and shared.

    An attack that does not read statistics, or cannot be run here, gives way to FL gradient inversion.
    """
    found = []
    for statistics in ("withheld", "shared"):
        client = experiment.client.model_copy(update={"batch_norm": "train", "statistics": statistics})
        found.append(experiment.model_copy(update={"client": client}))
    if any(not reads(one) or any(p.fatal for p in problems(one)) for one in found):
        labels = "known" if experiment.client.labels_known else "auto"
        other = INSTEAD if len(experiment.samples) == 1 else INSTEAD.model_copy(update={"labels": labels})
        found = [one.model_copy(update={"attack": other}) for one in found]
    return found[0], found[1]


def reads(experiment: Experiment) -> bool:
    """Whether the attack does something with statistics."""
    return bool(getattr(experiment.attack, "batch_norm_weight", 0.0))


def button(experiment: Experiment) -> None:
    """One click: both runs are queued, and shown side by side."""
    both = pair(experiment)
    other = "" if both[0].attack == experiment.attack else f" By {both[0].attack.title}, which reads them."
    if st.button(
        "Compare: statistics withheld / shared", key="compare_statistics", icon=":material/compare_arrows:",
        help="Two runs of this experiment with the client's own batch in batch norm, side by side." + other,
    ):  # fmt: skip
        key, since, ids = st.session_state.get("statistics_pair.last", ("", 0.0, ""))
        if key != experiment.key() or time.time() - since > 1.5:
            try:
                ids = ",".join([launch.submit(one) for one in both])
            except SpecError as error:
                st.html(f'<p class="gi-problem" role="alert">{words.escape(launch.sentence(str(error)))}</p>')
                return
            st.session_state["statistics_pair.last"] = (experiment.key(), time.time(), ids)
        st.switch_page("pages/runs.py", query_params={"compare": ids})


def difference(jobs: list[Job]) -> str | None:
    """What sharing changed, from both results; None where the runs differ in something else or have no PSNR yet."""
    told = {_statistics(job.spec): ((job.result or {}).get("metrics") or {}).get("psnr") for job in jobs}
    without, shared = told.get("withheld"), told.get("shared")
    if without is None or shared is None or len({_rest(job.spec) for job in jobs}) > 1:
        return None
    if abs(shared - without) < ALIKE:
        return f"Sharing the statistics hardly mattered here: PSNR {without:.1f} dB without them, {shared:.1f} dB with them."
    verb = "raised" if shared > without else "lowered"
    return f"Sharing the statistics {verb} PSNR from {without:.1f} to {shared:.1f} dB."


def _statistics(spec: dict[str, Any]) -> str:
    return (spec.get("client") or {}).get("statistics", "withheld")


def _rest(spec: dict[str, Any]) -> str:
    client = {k: v for k, v in (spec.get("client") or {}).items() if k != "statistics"}
    return repr(sorted({**spec, "client": sorted(client.items())}.items()))
