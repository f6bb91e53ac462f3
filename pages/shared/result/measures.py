"""The verdict, the metrics with what each means, and the attacker's own evidence."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.metrics.claims import told, words_of
from gi_core.metrics.registry import METRICS, drawn
from gi_core.metrics.verdicts import current_verdict, without_truth
from gi_core.settings import ceiling
from gi_core.types.result import Result
from gi_core.types.result_parts import Bracket, Measures
from pages.shared import telling
from pages.shared.words import MEANING, escape


def sentence(job: Job, truth: bool) -> str:
    """One plain sentence on how the attack stands or ended."""
    if job.state == "failed":
        return "The attack stopped: " + (job.error or "no reason was given")
    if job.run_result is not None:
        return _ended(job.run_result, truth)
    stage = str(job.progress.get("stage") or "")
    if job.state == "queued":
        return "Waiting for the worker"
    if not job.progress.get("iteration") and stage != "attacking":
        stage = stage or "the worker is reading the picture and playing the client's round"
        return stage[:1].upper() + stage[1:]
    if len(job.progress.get("layers") or ()) == job.progress.get("iteration"):
        return "The server is solving the network's equations, layer by layer: nothing is guessed"
    return "The server is guessing a picture whose gradient would match the one it received"


def _ended(result: Result, truth: bool) -> str:
    mixture = result.get("mixture")
    if mixture:
        return f"One mixture of {len(mixture['coefficients'][0])} pictures: a recursion does not separate them"
    if truth and current_verdict(result):
        return current_verdict(result)
    said = without_truth(result)
    return said[:1].upper() + said[1:]


def draw_sentence(job: Job, truth: bool) -> None:
    """The sentence, large."""
    head, colon, rest = telling.sentence(sentence(job, truth)).partition(": ")
    tone = " gi-failed" if job.state == "failed" else ""
    body = f"<b>{escape(head)}</b>{escape(colon + rest)}" if colon else escape(head)
    st.html(f'<p class="gi-verdict{tone}" role="status">{body}</p>')


def draw_known(job: Job, truth: bool) -> None:
    """Matched and unique; right only beside the original, which only we have; and where the words are explained. It stands below
    the pictures, which it would move when a run ends.
    """
    if job.run_result is not None:
        st.html(_known(job.run_result, truth))


def _known(result: Result, truth: bool) -> str:
    found, certainty = told(words_of(result), truth), result["attacker"].get("certainty")
    known = f"<b>{escape(found[:1].upper() + found[1:])}.</b> " if found else ""
    without = f"Without the original: {escape(certainty['sentence'])} " if certainty and truth else ""
    return f'<p class="gi-about">{known}{without}{MEANING}</p>'


def draw(job: Job, truth: bool) -> None:
    """Cards of one height: metrics with their meaning, or what the server itself can measure."""
    result = job.run_result
    cards = _metrics(job.metrics) if truth else _evidence(job, result)
    if not cards:
        return
    html = "".join(
        f'<div class="gi-card"><span>{escape(title)}</span><b>{escape(value)}</b><small>{escape(text)}</small></div>'
        for title, value, text in cards
    )
    st.html(f'<div class="gi-cards">{html}</div>')
    if result is not None and "bracket" in result:
        _bracket(result["bracket"])
    if result is not None and "model_check" in result:
        said = escape(result["model_check"]["sentence"])
        st.html(f'<p class="gi-sees" role="status"><b>The client could notice</b> {said}.</p>')
    if truth and result is not None and len(result["per_image"]) > 1:
        _per_image(result)


def _metrics(metrics: Measures) -> list[tuple[str, str, str]]:
    if not metrics:
        return []
    cards = []
    for name in sorted(drawn("lab"), key=lambda n: METRICS[n].optional):  # those that few runs have come last
        metric, value = METRICS[name], metrics.get(name)
        if value is None and metric.optional:
            continue
        note = metrics.get(f"{name}_note") if value is None and metric.note_missing else None
        text, number = telling.sentence(note or metric.sentence), metric.shown(value)
        if value is not None and metric.out_of and metrics.get(metric.out_of):
            number = f"{number} of {metrics[metric.out_of]}"
        spread = metrics.get(f"{name}_sd")
        cards.append((metric.title, number + (f" ± {spread:.2g}" if spread is not None else ""), text))
    return cards


def _evidence(job: Job, result: Result | None) -> list[tuple[str, str, str]]:
    losses = [x for x in job.progress.get("trial_losses") or () if x is not None]
    loss = result["attacker"]["loss"] if result else None
    loss = min(losses, default=None) if loss is None else loss
    residual = result["attacker"]["residual"] if result else None
    labels = (result["labels"]["recovered"] if result else []) or job.progress.get("labels") or []
    cards = []
    if loss is not None:
        cards.append(("Loss", f"{loss:.2g}", "How far the guess's gradient is from the one received."))
    if residual is not None:
        cards.append(("Unexplained", ceiling.percent(residual), "Share of the update that the guess does not explain."))
    if labels:
        names = result["labels"]["names"] if result else []
        flat = [names[k] if isinstance(k, int) and k < len(names) else str(k) for k in labels][:4]
        cards.append(("Label read", ", ".join(map(str, flat)), "What the server believes the picture shows."))
    return cards


def _bracket(found: Bracket) -> None:
    """From both sides: the proved ceiling beside what was measured on these pictures, as two bars of one scale."""
    scale = max(0.02, found["ceiling"])
    bars = [("Proved: any attacker, any pictures", found["ceiling"], "gi-most")]
    if found["floor"] is not None:
        bars.append(("Measured: the best attacker, pictures like these", found["floor"], "gi-least"))
    bars.append(("Guessing", 1 / found["candidates"], "gi-guess"))
    rows = "".join(
        f'<li><span>{escape(title)}</span><i class="{tone}" style="width:{100 * share / scale:.1f}%"></i>'
        f"<b>{escape(ceiling.percent(share))}</b></li>"
        for title, share, tone in bars
    )
    about = f"how often the true picture is picked among {found['candidates']} equally likely ones"
    st.html(
        f'<h4 class="gi-sub">Leak bracket <small>{about}</small></h4><ul class="gi-bracket">{rows}</ul>'
        f'<p class="gi-about">{escape(telling.sentence(found["sentence"]))} {escape(telling.sentence(found["measured"]))}</p>'
    )


def _per_image(result: Result) -> None:
    with st.expander("Every picture of the batch", type="compact", key="per_image"):
        lines = [{"picture": e["index"], **{k: e.get(k) for k in drawn("pictures")}} for e in result["per_image"]]
        st.dataframe(lines, hide_index=True, alt="Metrics of every picture")
