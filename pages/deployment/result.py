"""The finding as it comes: what came back as pictures, the sentence, the table of threats and measures, the limits, and the document."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from gi_core.deployment import Deployment, Finding, found
from gi_core.experiments.sweeps.table import records
from gi_core.jobs.job import Job
from gi_core.jobs.store import Store
from gi_core.reports import pdf, writing
from gi_core.reports.deployments import GLOSSARY, cells, report
from pages.deployment import answers
from pages.shared import link, telling, words
from pages.shared.result.run_card import thumbnail
from pages.shared.session import store
from pages.shared.sweeps import progress

SIGNS = {"exposed": "●", "partly": "◐", "protected": "○", "unknown": "?"}
MOST = 4


def draw(job: Job, price: Job | None) -> None:
    """It refreshes by itself until all has been measured."""
    priced = price is None or price.over
    st.fragment(_live, run_every=None if job.over and priced else 2.0, key="deployment_live")(
        job.id, price.id if price else "", not job.over, priced
    )
    if job.over:
        _documents(job.id, price.id if price else "")


def _finding(number: str, price: str) -> Finding:
    rows: list[dict[str, Any]] | None = records(store(), price) if price and _priced(price) else None if price else []
    return found(answers.current(), records(store(), number), rows)


def _priced(price: str) -> bool:
    """Whether the trainings that tell what protection costs have ended."""
    job = store().job(price)
    return job is None or job.over


def _live(number: str, price: str, timed: bool, priced: bool) -> None:
    progress.live(number, timed)
    if not priced and _priced(price):
        st.rerun(scope="app")  # the sentence to file has the price too
    finding = _finding(number, price)
    _pictures(finding)
    advice = f'<p class="gi-advice">{words.escape(finding.advice)}</p>' if finding.advice else ""
    st.html(
        f'<div class="gi-answer gi-{finding.level}" role="status"><i aria-hidden="true">{SIGNS[finding.level]}</i><div>'
        f'<p class="gi-verdict">{words.escape(finding.head)}</p><p>{words.escape(finding.text)}</p>{advice}</div></div>'
    )
    _table(finding)
    st.html(
        '<h2 class="gi-sub">What this does not say</h2><ul class="gi-limits">'
        + "".join(f"<li>{words.escape(one)}</li>" for one in finding.limits)
        + "</ul>"
    )
    with st.expander("What the words mean", type="compact", key="deployment_words"):
        st.html(
            "".join(
                f'<p class="gi-about"><b>{words.escape(word)}</b>: {words.escape(text)}</p>' for word, text in GLOSSARY
            )
        )


def _pictures(finding: Finding) -> None:
    """The best of each threat, original and copy beside each other."""
    best = sorted((one for one in finding.threats if one.best), key=lambda one: -one.seen)[:MOST]
    if not best:
        st.html('<p class="gi-about">The first pictures come in a moment.</p>')
        return
    with st.grid(max(2, len(best)), min_column_width=220, gap="small", key="deployment_shown"):
        for one in best:
            job = store().job(one.best)
            image = thumbnail(job) if job is not None else None
            with st.container(gap="xsmall"):
                if image:
                    st.html(
                        f'<figure class="gi-frontier-run"><img src="{image}" alt="private picture and what the server got">'
                        f"<figcaption><b>{words.escape(one.case.title)}</b>: the private picture, and what the server got</figcaption></figure>"
                    )
                link.to_lab("Open the run", run=one.best)


def _table(finding: Finding) -> None:
    """A row for each measure, a column for each threat."""
    heads, lines = cells(finding.outcomes)
    body = "".join(
        f'<tr><th scope="row">{words.escape(label)}</th>'
        + "".join(
            f'<td><span aria-hidden="true">{SIGNS[one.level]}</span> {words.escape(one.share)}</td>'
            if one
            else "<td>not tried</td>"
            for one in its
        )
        + "</tr>"
        for label, its in lines
    )
    st.html(
        '<p class="gi-about">Updates of which a person would see a picture, with the 95 % interval of that share.</p>'
        '<div class="gi-scroll" tabindex="0" role="region" aria-label="Threats and measures"><table class="gi-table gi-deployment"><thead><tr>'
        + "".join(f'<th scope="col">{words.escape(text)}</th>' for text in heads)
        + f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _documents(number: str, price: str) -> None:
    """Two pages to file; each is made by its click."""
    asked, mine = answers.current(), store()
    finding = _finding(number, price)
    lacking = pdf.lacking()
    with st.container(horizontal=True, gap="small", key="deployment_documents"):
        for ending, mime in ((".pdf", "application/pdf"), (".html", "text/html")):
            st.download_button(
                f"Finding ({ending[1:].upper()})", partial(_document, asked, finding, mine, ending), f"deployment{ending}", mime,
                key=f"deployment{ending}", on_click="ignore", icon=":material/download:", disabled=bool(lacking) and ending == ".pdf",
            )  # fmt: skip
    if lacking:
        telling.caption(lacking)


def _document(asked: Deployment, finding: Finding, mine: Store, ending: str) -> bytes:
    """Made in a thread that knows no session."""
    return writing.content(report(asked, finding, mine), ending)
