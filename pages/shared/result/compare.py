"""Two runs side by side: what was asked differently, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from gi_core.figures import captions
from gi_core.jobs.job import Job, valid_id
from gi_core.metrics import claims
from gi_core.metrics.registry import METRICS, drawn
from gi_core.settings import SpecError, build
from pages.shared import address, link, taking, words
from pages.shared.experiment import knowing_pair, pairs, statistics_pair
from pages.shared.result import curves, legible, measures, status, trials, viewer
from pages.shared.result.source import StoredRun
from pages.shared.session import dispatcher, store
from pages.shared.taking import Asked

_PACE = 1.0


def asked() -> list[Job]:
    """The two runs of the address, as far as they exist."""
    return found((address.value("compare") or "").split(",")[:2])


def found(ids: Sequence[str | None]) -> list[Job]:
    """The runs among these ids."""
    jobs = [store().job(i) for i in ids if i is not None and valid_id(i)]
    return [job for job in jobs if job is not None and job.kind == "run"]


def draw(jobs: list[Job]) -> None:
    """Pictures, differences, curves; they follow by themselves while a run goes on."""
    if st.button("All runs", icon=":material/arrow_back:", key="compare_back"):
        address.show(compare=None)
        st.rerun()
    if len(jobs) < 2:
        st.warning("Two runs are needed, and not both of these are here: choose them below.")
        return
    beside(jobs)


def beside(jobs: list[Job]) -> None:
    """Just the two."""
    timed = any(not job.over for job in jobs)
    st.fragment(_pair, run_every=_PACE if timed else None, key="compare_pair_live")([job.id for job in jobs], timed)


def _pair(ids: list[str], timed: bool) -> None:
    jobs = found(ids)
    if len(jobs) < 2 or timed != any(not job.over for job in jobs):
        st.rerun(scope="app")
    if timed:
        dispatcher().ensure()
    names = _names(jobs)
    taking.button(Asked(tuple(job.id for job in jobs)), "pair")
    changed = pairs.difference(jobs, (statistics_pair.STATISTICS, knowing_pair.KNOWING))
    if changed:
        st.html(f'<p class="gi-verdict gi-told" role="status"><b>{words.escape(changed)}</b></p>')
    with st.container(horizontal=True, gap="large", key="compare_pair"):
        for side, (job, name) in enumerate(zip(jobs, names, strict=True)):
            with st.container(width="stretch", gap="xsmall", key=f"compare_{side}"):
                _side(job, name, side)
    _table(jobs, names)
    series = {letter: store().curve(job.id) for job, letter in zip(jobs, "AB", strict=True)}
    caption = " ".join(
        f"{letter}: {captions.of_run(job.spec, job.run_result)}" for job, letter in zip(jobs, "AB", strict=True)
    )
    with st.container(horizontal=True, gap="medium", key="charts"):
        with st.container(width="stretch", gap="xsmall"):
            curves.losses(series, True, "compare_loss", caption, 300)
        with st.container(width="stretch", gap="xsmall"):
            curves.likeness(series, "compare_likeness", caption, 300)


def _side(job: Job, name: str, side: int) -> None:
    """One of the two: how it stands, its pictures, and the text in them."""
    st.html(f'<h2 class="gi-question">{words.escape(name)}</h2>')
    if address.value("compare") is not None:
        link.to_lab("Open", run=job.id)
    else:  # a link to the page that one is on would be no wish that the address knows of
        st.button(
            "Open", key=f"open.{job.id}", icon=":material/open_in_new:", on_click=address.open_run, args=(job.id,)
        )
    if not job.over:
        status.line(job, store().place(job.id) if job.state == "queued" else 0)
    measures.draw_sentence(job, True)
    source, trial = StoredRun(store(), job), trials.best(job)
    viewer.draw(source, source.curve(), trial, truth=True, live=not job.over, key=f"viewer_{side}")
    measures.draw_known(job, True)
    legible.draw(source, trial)


def _names(jobs: list[Job]) -> list[str]:
    return [f"{letter} · {job.title or words.question(job.spec)}" for letter, job in zip("AB", jobs, strict=True)]


def _table(jobs: list[Job], names: list[str]) -> None:
    """Settings that differ, then results; equal settings are left out."""
    left, right = (parts(job.spec) for job in jobs)
    lines: list[tuple[str, ...]] = [(k, left[k], right[k]) for k in left if left[k] != right[k]]
    results = [job.metrics for job in jobs]
    for metric in (METRICS[name] for name in drawn("lab")):
        if any(r.get(metric.name) is not None or (metric.name in r and not metric.optional) for r in results):
            lines.append((metric.title, *(metric.shown(r.get(metric.name)) for r in results)))
    known = [claims.sentence(claims.words_of(job.run_result)) if job.run_result else "" for job in jobs]
    lines.append(("Words", *known))
    lines.append(("Time", *(words.span(job.run_result["seconds"] if job.run_result else None) for job in jobs)))
    head = "".join(f"<th scope='col'>{words.escape(n)}</th>" for n in ("", *names))
    body = "".join(
        f"<tr><th scope='row'>{words.escape(a)}</th><td>{words.escape(b)}</td><td>{words.escape(c)}</td></tr>"
        for a, b, c in lines
    )
    st.html(f'<div class="gi-scroll"><table class="gi-table"><tr>{head}</tr>{body}</table></div>')


def parts(spec: dict[str, Any]) -> dict[str, str]:
    """Each part of the question as it is written on a command line."""
    try:
        e = build(spec)
    except SpecError:
        return {name: str(spec.get(name)) for name in ("samples", "model", "attack", "seed")}
    return {
        "Pictures": ", ".join(e.samples),
        "Labels": ", ".join(map(str, e.labels or ())) or "their own",
        "Size": str(e.size or "its own"),
        "Colour": {None: "as it is", 1: "grey", 3: "colour"}[e.channels],
        "Normalisation": e.normalise,
        "Network": e.model.name,
        "Weights": ", ".join(f"{k} {v}" for k, v in e.weights.model_dump().items() if v is not None),
        "Client": e.client.name,
        "Defenses": ", ".join(d.name for d in e.defenses) or "none",
        "Attack": e.attack.name,
        "Seed": str(e.seed),
    }
