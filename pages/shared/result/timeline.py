"""What an ensemble tries, as it goes: a row for each attack with its share of the seconds, what it left, and why."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.reports import attempts
from gi_core.types.attacker_parts import Tried
from pages.shared.words import escape


def tried(job: Job) -> list[Tried]:
    """So far, or of the whole run; nothing of any other attack."""
    ended = job.run_result["attacker"].get("tried") if job.run_result else None
    return ended or job.progress.get("tried") or []


def draw(job: Job) -> None:
    """The table; nothing of any other attack."""
    found = attempts.rows(tried(job))
    if not found:
        return
    verdict = job.run_result["attacker"].get("verdict") if job.run_result else None
    about = "closed forms first, then searches from the best so far"
    if verdict:
        about = attempts.VERDICTS.get(verdict, about)
    ran = [row for row in found if row.state in attempts.RAN]
    others = [row for row in found if row.state not in attempts.RAN]
    said = f"{len(others)} more {'was' if len(others) == 1 else 'were'} refused or not needed"
    folded = f"<details><summary>{said}</summary>{_table(others)}</details>" if others else ""
    st.html(
        f'<h4 class="gi-sub">What was tried <small>{escape(about)}</small></h4>{_table(ran)}'
        f'<div class="gi-about">{folded}</div>'
    )


def _table(found: list[attempts.Row]) -> str:
    if not found:
        return ""
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in attempts.HEAD)
    body = "".join(_row(row) for row in found)
    return f'<div class="gi-scroll"><table class="gi-table gi-attempts"><tr>{head}</tr>{body}</table></div>'


def _row(row: attempts.Row) -> str:
    title = f"<b>{escape(row.title)}</b>" if row.best else escape(row.title)
    mark = " <small>kept</small>" if row.best else ""
    bar = f'<span class="gi-bar"><i style="width:{100 * row.share:.0f}%"></i></span>' if row.seconds else ""
    seconds = f"{row.seconds:.1f}" if row.seconds else ""
    return (
        f'<tr><th scope="row">{row.sign} {title}{mark}</th><td>{escape(row.left)}</td>'
        f"<td>{seconds}{bar}</td><td>{escape(row.why)}</td></tr>"
    )
