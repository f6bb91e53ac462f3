"""The frontier of one sweep, live: how it stands, the advice, the chart, the runs behind a point, the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from gi_core.analysis import frontier
from gi_core.experiments.sweeps import against
from gi_core.experiments.sweeps.frontier_sweep import SERVERS
from gi_core.experiments.sweeps.table import records
from gi_core.figures import captions
from gi_core.figures.frontier import letters
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.metrics import claims
from gi_core.metrics.registry import METRICS, drawn
from gi_core.settings.sweep import Sweep
from pages.frontier import chart, chosen, question, table
from pages.shared import words
from pages.shared.result.run_card import thumbnail
from pages.shared.session import store
from pages.shared.sweeps import files, progress

SIGNS = {"exposed": "●", "partly": "◐", "protected": "○", "open": "…"}
_ATTACKERS = {"both": "Both", "naive": "Defense not known", "adaptive": "Defense known"}


def draw(job: Job) -> None:
    """It refreshes by itself until all has been measured."""
    sweep, going = sweeps.sweep_of(store(), job.id), not job.over
    if sweep != question.current():
        st.html('<p class="gi-about" role="status">Shown: an earlier frontier. The form asks for something else.</p>')
    st.fragment(_live, run_every=2.0 if going else None, key="frontier_live")(job.id, sweep, going)
    files.draw(job.id, sweep)


def _live(number: str, sweep: Sweep, timed: bool) -> None:
    progress.live(number, timed)
    findings(records(store(), number), sweep, not timed, _picture)


def _picture(run: str) -> str | None:
    job = store().job(run)
    return thumbnail(job) if job is not None else None


def findings(
    rows: list[dict[str, Any]], sweep: Sweep, over: bool, picture: Callable[[str], str | None], opens: bool = True
) -> None:
    """Advice, chart, one setting's runs, table. picture: of a run, as a data URI. opens: whether there are runs to open."""
    place = st.container(gap="xsmall")
    metric, who, server = choice(rows)
    everybody = frontier.points(rows, metric)
    found = [p for p in everybody if p.server == server]
    controls = [one for one in frontier.controls(rows, metric) if one.server == server]
    with place:
        _advice(frontier.advice(found, _about(sweep, server), over), frontier.of_servers(everybody))
    if controls:
        told = words.escape(against.told(rows))
        st.html(
            f'<p class="gi-about"><b>Standing controls.</b> {told} Lines in the chart: what the attack makes of no update.</p>'
        )
    shown = [p for p in found if p.complete and (who in ("both", p.attacker) or p.kinds == frontier.NONE)]
    best = letters(frontier.pareto(frontier.strongest(shown)))
    st.html(chart.legend(best) if shown else '<p class="gi-about">The first points appear in a moment.</p>')
    chart.draw(shown, who == "both", captions.of_sweep(sweep, rows), controls)
    chosen.draw(found, picture, opens, {str(r["run_id"]): claims.of_row(r) for r in rows})
    epsilons = {str(r.get("defense") or r["defenses"]): r["epsilon"] for r in rows if r["epsilon"] is not None}
    ceilings = {str(r.get("defense") or r["defenses"]): r["ceiling"] for r in rows if r.get("ceiling") is not None}
    table.draw(found, controls, epsilons, ceilings)


def choice(rows: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Which leakage, whose, and by which server."""
    known = [m for m in drawn("frontier") if any(row.get(m) is not None for row in rows)] or ["psnr"]
    servers = list(dict.fromkeys(map(frontier.server_of, rows))) or ["honest"]
    several = len({bool(row.get("adaptive")) for row in rows if row.get("defenses") != "none"}) > 1
    who, server = "both", servers[-1]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="frontier_choice"):
        metric = st.selectbox(
            "Leakage", known, format_func=lambda m: METRICS[m].title, key="frontier_metric", width=170,
            help=" ".join(f"{METRICS[m].title}: {METRICS[m].sentence}" for m in known),
        )  # fmt: skip
        if several:
            who = st.segmented_control(
                "Attacker", list(_ATTACKERS), default="both", format_func=_ATTACKERS.__getitem__, key="frontier_who", required=True
            )  # fmt: skip
        if len(servers) > 1:
            server = st.segmented_control(
                "Server", servers, default=server, format_func=_server, key="frontier_server", required=True
            )  # fmt: skip
    return metric or known[0], who or "both", server or servers[-1]


def _server(name: str) -> str:
    """What a person reads: the kind, as the form says it."""
    kind = name.partition(":")[0]
    return SERVERS[kind][0] if kind in SERVERS else name


def _about(sweep: Sweep, server: str) -> str:
    """What was attacked by what, for the limits of the advice."""
    base, training = sweep.base, sweep.utility
    size = f" of {base.size} pixels" if base.size else ""
    network = question.NETWORKS.get(base.model.name, base.model.title)
    learned = question.DATA.get(training.data, training.data) if training else ""
    sent = (
        ""
        if server == frontier.HONEST
        else f" behind a server that {_server(server)[:1].lower()}{_server(server)[1:]},"
    )
    return f"{size}{sent} by {base.attack.title} on {network}, trained on {learned[:1].lower() + learned[1:]}"


def _advice(said: frontier.Advice, servers: str) -> None:
    more = "".join(
        f'<p class="gi-about">{words.escape(text)}</p>' for text in (servers, said.seen, said.limits) if text
    )
    more += f'<p class="gi-about">{words.MEANING}</p>'
    st.html(
        f'<div class="gi-answer gi-{said.level}" role="status"><i aria-hidden="true">{SIGNS[said.level]}</i><div>'
        f'<p class="gi-verdict">{words.escape(said.claim)}</p>{more}</div></div>'
    )
