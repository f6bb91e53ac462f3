"""The form's four steps: the pictures, the training, what is shared, and the server's attack."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from gi_core.experiments import fetching
from gi_core.settings import ATTACKS, DEFENSES, EVERY_MODEL
from gi_core.settings.documents import whole_number
from gi_core.settings.federation import MAX_CLIENTS, Federation
from pages.federation import question
from pages.shared import form
from pages.shared.experiment import about, client_fields, fields, offered, samples, switchboard
from pages.shared.experiment.defenses import view as defenses
from pages.shared.experiment.steps import choice

_BUNDLED = {"faces": "Faces and others", "bundled": "Crops of photographs"}


def pictures() -> None:
    """Data, clients, and how the pictures are dealt out."""
    now = question.plan()
    options = _data_sets()
    _select("data", "Data", [*options, *({now["data"]} - set(options))], lambda k: options.get(k, k))
    with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
        _number("clients", "Clients", 1, MAX_CLIENTS)
        typed = ", ".join(map(str, now["pictures"]))
        key = form.key("plan.pictures", typed)
        st.text_input(
            "Pictures of each", typed, key=key, max_chars=400, on_change=form.report, args=(key, _counts, key),
            help="One number for all clients, or one for each: 40, 40, 40, 8, 1.",
        )  # fmt: skip
    key = form.key("plan.partition", now["partition"])
    kinds = {"iid": "All alike", "dirichlet": "Skewed classes"}
    st.segmented_control(
        "Partition", list(kinds), default=now["partition"], required=True, key=key, format_func=kinds.__getitem__,
        on_change=form.report, args=(key, _set, "partition", key), help="Skewed: each client's classes are drawn from Dirichlet(alpha).",
    )  # fmt: skip
    if now["partition"] == "dirichlet":
        _number("alpha", "Alpha: the smaller, the fewer classes a client has", 0.01, 1000.0)
    with st.expander("Size, colour, normalisation", type="compact", key="fold.pictures"):
        fields.widgets(form.current(), (), ["size", "channels", "normalise"])


def _data_sets() -> dict[str, str]:
    """What is on this machine, by name."""
    known = [i.ref.partition(":")[0] for i in samples.known() if i.available]
    return {**_BUNDLED, **{name: name.replace("_", " ").upper() for name in fetching.fetchable() if name in known}}


def training() -> None:
    """The network, and how long everybody trains."""
    now = form.current()
    choice("Network", "model", EVERY_MODEL, options=offered.kinds(now.model))
    if not offered.own(now.model):
        st.html(about.part(now.model))
        fields.settings(now.model, ("model",), "More about the network")
    with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
        _number("rounds", "Rounds", 1, 1000)
        _number("participation", "Share taking part", 0.01, 1.0)
    fields.widgets(now.client, ("client",), ["epochs", "batch_size", "learning_rate"])
    more = client_fields.stepping(now.client) + client_fields.losing(now.client, now.model.one_logit)
    with st.expander("More about the clients' training", type="compact", key="fold.training"):
        fields.widgets(now.client, ("client",), ["steps", "shuffle", *more])


def shared() -> None:
    """What leaves a client, and what it does so that less leaks."""
    now = form.current()
    if now.model.has_batch_norm:
        fields.widgets(now.client, ("client",), ["batch_norm", "statistics"])
    else:
        st.html('<p class="gi-about">This network has no batch norm, so only weight changes are sent.</p>')
    st.html('<h4 class="gi-sub">What every client does so that less leaks</h4>')
    defenses.draw([k for k in DEFENSES if k != "protective_direction"])  # which is found for one client's one gradient
    with st.expander("What the server knows", type="compact", key="fold.knows"):
        fields.widgets(now.client, ("client",), ["labels_known", "schedule_known"])
        if now.defenses:
            fields.widgets(now.attack, ("attack",), ["adaptive"])


def attack() -> None:
    """Whom the server attacks, how, and how often."""
    key = form.key("plan.attacks", question.attacks())
    st.toggle(
        "The server attacks", question.attacks(), key=key, on_change=form.report, args=(key, question.set_attacks, key)
    )
    if not question.attacks():
        return
    asked = question.current()
    victims = [v for v in asked.victims if v <= asked.clients]
    key = form.key("plan.attacked", victims)
    pick: Callable[..., Any] = partial(st.pills, selection_mode="multi") if asked.clients <= 12 else st.multiselect
    pick(
        "Clients under attack", list(range(1, asked.clients + 1)), key=key, on_change=form.report,
        args=(key, _set, "attacked", key), default=victims, format_func=lambda k: f"{k} ({_many(asked, k)})",
        help="The clients whose updates are attacked; the number in brackets is how many pictures each has.",
    )  # fmt: skip
    switchboard.server(form.current())
    choice("Attack", "attack", ATTACKS)
    now = form.current()
    st.html(about.part(now.attack))
    fields.settings(now.attack, ("attack",), "More attack settings")
    key = form.key("plan.together", question.plan()["together"])
    st.toggle(
        "Take a client's rounds together", question.plan()["together"], key=key, on_change=form.report,
        args=(key, _set, "together", key),
        help="Attacks all updates that a client has sent so far, each at the network before it. Each round is one step on all pictures.",
    )  # fmt: skip
    with st.expander("How often, time limit, seed", type="compact", key="fold.often"):
        with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
            _number("attack_every", "Attack every … rounds", 1, 1000)
            _number("attack_seconds", "Seconds for each attack", 0.1, 86400.0)
        fields.widgets(now, (), ["seed", "device"])


def _many(asked: Federation, client: int) -> str:
    return str(asked.shares[client - 1]) if client <= len(asked.shares) else "?"


def _set(name: str, key: str) -> None:
    question.change(name, st.session_state[key])


def _counts(key: str) -> None:
    """A list of numbers; what is none is refused as it was typed."""
    parts = [part for part in st.session_state[key].replace(",", " ").split() if part]
    question.change("pictures", [p if (n := whole_number(p)) is None else n for p in parts])


def _number(name: str, label: str, low: Any, high: Any) -> None:
    value = question.plan()[name]
    key = form.key(f"plan.{name}", value)
    field = Federation.model_fields[name]
    st.number_input(
        label, low, high, value, key=key, help=field.description, placeholder="no limit", on_change=form.report,
        args=(key, _set, name, key), format="%g" if isinstance(low, float) else None,
    )  # fmt: skip


def _select(name: str, label: str, options: list[str], shown: Callable[[str], str]) -> None:
    value = question.plan()[name]
    key = form.key(f"plan.{name}", value)
    st.selectbox(
        label, options, options.index(value), format_func=shown, key=key, on_change=form.report,
        args=(key, _set, name, key),
    )  # fmt: skip
