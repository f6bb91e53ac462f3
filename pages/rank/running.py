"""From the network shown to an attack on it: one click, or the whole lab."""

from __future__ import annotations

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.jobs import times
from gi_core.settings import ATTACKS, Experiment, SpecError, problems
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.chain import chain
from gi_core.settings.closed_form_attacks import ClosedForm
from gi_core.settings.drawings import drawing
from gi_core.settings.recursion_checks import refusal
from pages.rank import verdict
from pages.shared import address, form, link, telling, timing, words
from pages.shared.experiment import launch, press
from pages.shared.rank import question
from pages.shared.rank.question import Fault

LABELS = {
    "rgap": "R-GAP", "rgap_hybrid": "R-GAP, then matching", "peeling": "Peeling", "analytic_linear": "Division",
    "residual": "Residual recursion", "transformer": "Transformer patches", "spear": "SPEAR",
}  # fmt: skip
_WHY = {
    "rgap": "Every activation has an inverse: the recursion reads each layer's input from the next one.",
    "rgap_hybrid": "Where a layer has too few equations, the attack looks for what is missing in the layer before it.",
    "analytic_linear": "Dense layers with a bias: weight gradients divided by bias gradients give the input.",
    "peeling": "Reads which ReLU units were active, then solves each layer; no label needed.",
    "transformer": "Patches follow from the gradients of positions and patches, whatever the blocks above do.",
    "spear": "Which unit of a dense layer is off for which picture tells the pictures of the batch apart.",
    "residual": "Solves block after block, trained or not, and searches for the picture where the equations end.",
}


def suitable(experiment: Experiment, report: RankReport) -> tuple[list[str], str]:
    """(attacks that can walk this network, the best first; why there is none)."""
    if report.attention is not None:
        reason = next((p.reason for p in problems(_asking(experiment, "transformer")) if p.fatal), "")
        return ([], reason) if reason else (["transformer"], "")
    blocks = chain(drawing(experiment.model, question.shape(experiment), question.classes(experiment)))
    kinds = ["rgap_hybrid", "rgap"] if report.verdict == "optimisation" else ["rgap", "rgap_hybrid"]
    images, norm = len(experiment.samples), experiment.client.batch_norm
    shared = experiment.client.statistics == "shared"
    recursions = {kind: cls for kind, cls in ATTACKS.items() if issubclass(cls, ClosedForm)}
    why = {
        kind: refusal(recursions[kind], blocks, images, norm, shared)
        for kind in (*kinds, "peeling", "analytic_linear", "residual")
    }
    passing = [kind for kind in kinds if why[kind] is None] or ["peeling"] * (why["peeling"] is None)
    if images > 1 and refusal(Spear, blocks, images, norm, shared) is None:
        passing.insert(0, "spear")
    passing += [kind for kind in ("analytic_linear", "residual") if why[kind] is None]
    return passing, "" if passing else str(why["peeling"])


def draw(report: RankReport, fault: Fault | None) -> None:
    """The attack, the button, and the way to the lab."""
    now = form.current()
    kinds, why = ([], "") if fault else suitable(now, report)
    with st.container(key="launch", gap="xsmall"):
        kind = kinds[0] if kinds else "rgap"
        if len(kinds) > 1:
            kind = st.segmented_control(
                "Attack", sorted(kinds, key=list(LABELS).index), default=kinds[0], required=True,
                key=f"rank_attack_{kinds[0]}", format_func=LABELS.__getitem__, label_visibility="collapsed",
            )  # fmt: skip
        text = telling.sentence(f"no recursion here: {why}") if why else _WHY[kind]
        text = "Mend the layer that does not fit first." if fault else text
        verdict.chip(report, fault)
        st.html(f'<p class="gi-about">{words.escape(text)}</p>')
        if kinds:
            loop = times.layer_by_layer([layer.unknowns for layer in report.layers if layer.unknowns])
            span = timing.of_run(loop, kind, now.model.kind)
            st.html(f'<p class="gi-estimate" role="status">{telling.sentence(span)}</p>')
        asked = _asking(now, kind)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if press.button(
                "run_rgap",
                f"Run {ATTACKS[kind].title}",
                about=kind,
                type="primary",
                width="stretch",
                disabled=not kinds,
            ):
                _run(asked)
            link.to_lab("Attack in the lab", "science", experiment=link.encode(asked if kinds else _searching(now)))


def _asking(experiment: Experiment, kind: str) -> Experiment:
    return experiment.model_copy(update={"attack": ATTACKS[kind]()})


def _searching(experiment: Experiment) -> Experiment:
    """The same question for an attack that searches, where no recursion passes."""
    return _asking(experiment, "inverting_gradients")


def _run(experiment: Experiment) -> None:
    try:
        run = launch.submit(experiment)
    except SpecError as error:
        telling.problem(error)
        return
    address.put(run=run)
    address.sync()
    st.rerun(scope="app")
