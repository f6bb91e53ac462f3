"""Two runs side by side: what was asked differently, and what came of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.metrics.meanings import MEANINGS, shown
from gi_core.runs.job import Job, valid_id
from pages.components import curves, measures, trials, viewer, words
from pages.components.session import store
from pages.components.source import StoredRun


def asked() -> list[Job]:
    """The two runs of the address, as far as they exist."""
    ids = (st.query_params.get("compare") or "").split(",")[:2]
    jobs = [store().job(i) for i in ids if valid_id(i)]
    return [job for job in jobs if job is not None]


def draw(jobs: list[Job]) -> None:
    """Pictures, differences, curves."""
    if st.button("All runs", icon=":material/arrow_back:", key="compare_back"):
        st.query_params.pop("compare", None)
        st.rerun()
    if len(jobs) < 2:
        st.warning("Two runs are needed, and not both of these are here: choose them below.")
        return
    names = _names(jobs)
    with st.container(horizontal=True, gap="large", key="compare_pair"):
        for side, (job, name) in enumerate(zip(jobs, names, strict=True)):
            with st.container(width="stretch", gap="xsmall", key=f"compare_{side}"):
                st.html(f'<h2 class="gi-question">{words.escape(name)}</h2>')
                st.page_link("pages/lab.py", label="Open", icon=":material/open_in_new:", query_params={"run": job.id})
                measures.draw_sentence(job, True)
                source = StoredRun(store(), job)
                viewer.draw(source, source.curve(), trials.best(job), truth=True, live=not job.over, key=f"viewer_{side}")
    _table(jobs, names)
    series = {letter: store().curve(job.id) for job, letter in zip(jobs, "AB", strict=True)}
    with st.container(horizontal=True, gap="medium", key="charts"):
        with st.container(width="stretch", gap="xsmall"):
            curves.losses(series, True, "compare_loss", 300)
        with st.container(width="stretch", gap="xsmall"):
            curves.likeness(series, "compare_likeness", 300)


def _names(jobs: list[Job]) -> list[str]:
    return [f"{letter} · {job.title or words.question(job.spec)}" for letter, job in zip("AB", jobs, strict=True)]


def _table(jobs: list[Job], names: list[str]) -> None:
    """Settings that differ, then results; equal settings are left out."""
    left, right = (flat(job.spec) for job in jobs)
    keys = [k for k in dict.fromkeys([*left, *right]) if left.get(k) != right.get(k)]
    lines = [(k.replace("_", " ").replace(".", " › "), _text(left.get(k)), _text(right.get(k))) for k in keys]
    results = [(job.result or {}).get("metrics") or {} for job in jobs]
    for name in ("psnr", "ssim", "mse", "lpips", "iip_rank", "label_accuracy"):
        if any(name in r for r in results):
            lines.append((MEANINGS[name].title, *(shown(name, r.get(name)) for r in results)))
    lines.append(("Time", *(words.span((job.result or {}).get("seconds")) for job in jobs)))
    head = "".join(f"<th scope='col'>{words.escape(n)}</th>" for n in ("", *names))
    body = "".join(
        f"<tr><th scope='row'>{words.escape(a)}</th><td>{words.escape(b)}</td><td>{words.escape(c)}</td></tr>"
        for a, b, c in lines
    )
    st.html(f'<div class="gi-scroll"><table class="gi-table"><tr>{head}</tr>{body}</table></div>')


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested values by dotted path."""
    if isinstance(value, dict):
        return {k: v for name, item in value.items() for k, v in flat(item, f"{path}.{name}" if path else name).items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {k: v for n, item in enumerate(value, 1) for k, v in flat(item, f"{path} {n}").items()}
    return {path: value}


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
