"""Step three of the form: the threat model as switches, and what the server has with them so."""

from __future__ import annotations

import streamlit as st

from gi_core import data
from gi_core.analysis import stealth
from gi_core.reports import sent
from gi_core.settings import CLIENTS, SERVERS, Experiment, SpecError
from gi_core.settings.client import FedAvg
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.servers import Changing
from pages.shared import form, words
from pages.shared.experiment import adapting, client_fields, fields, pairs, received
from pages.shared.experiment.statistics_pair import STATISTICS
from pages.shared.session import store

_SENDS = {"fedsgd": "One gradient", "fedavg": "Weight change"}
_NORM = {"eval": "Stored", "train": "Own batch"}
_STATISTICS = {"withheld": "Withheld", "shared": "Shared"}
_DEFENSES = {"unknown": "Not known", "known": "Known"}
_LABELS = {"known": "Known", "unknown": "Not known"}
_SERVERS = {kind: server.title for kind, server in SERVERS.items()}
_TRAINING = ("epochs", "batch_size", "learning_rate")
_MORE = ("steps", "shuffle", "clients", "schedule_known")


def draw() -> None:
    """Switches, one line that sums them up, and the settings behind them."""
    now = form.current()
    with st.container(key="switches", gap="xsmall"):
        _switch("Sends", "kind", _SENDS, now.client.kind, CLIENTS[now.client.kind].description)
    if isinstance(now.client, FedAvg):
        with st.container(key="training"):
            fields.widgets(now.client, ("client",), _TRAINING, columns=3)
    with st.container(key="switches_norm", gap="xsmall"):
        _batch_norm(now)
        _switch(
            "Labels", "labels_known", _LABELS, "known" if now.client.labels_known else "unknown",
            "Whether the server knows what the pictures show, or has to read that from the update too.",
        )  # fmt: skip
        _switch(
            "Defenses", "adaptive", _DEFENSES, "known" if now.attack.adaptive else "unknown",
            "Whether the attacker knows the defenses, with their noise level, mask and the like. A defense may look stronger"
            " than it is where the attacker does not know it.", off=not now.defenses,
        )  # fmt: skip
    server(now)
    with st.expander("Check a network that you received", type="compact", key="fold.received"):
        received.draw(now)
    text = words.escape(sent.sentence(form.current(), _weights(form.current())))
    st.html(f'<p class="gi-sees" role="status"><b>The server sees</b> {text}</p>')
    if now.model.has_batch_norm and now.recorded is None:
        pairs.button(now, STATISTICS)
    more = ["refuses", *(n for n in _MORE if n in type(now.client).model_fields)]
    more += client_fields.repeating(now.client) + client_fields.stepping(now.client)
    more += client_fields.losing(now.client, now.model.one_logit) + (["label"] if now.model.one_logit else [])
    with st.expander("More about the client", type="compact", key="fold.client"):
        fields.widgets(now.client, ("client",), more)


def server(now: Experiment) -> None:
    """What the server sends to the client, and the settings of what it changed."""
    key = form.key("server.kind", now.server.kind)
    with st.container(key="switches_server", gap="xsmall"):
        st.segmented_control(
            "Server", list(_SERVERS), default=now.server.kind, required=True, key=key, format_func=_SERVERS.__getitem__,
            help="What the server sends to the client: the network as it is, or one that it has changed so that more comes"
            " back.", on_change=form.report, args=(key, _send, key),
        )  # fmt: skip
    if now.server.changes:
        st.html(f'<p class="gi-about">{words.escape(now.server.description)}</p>')
        names = [name for name in type(now.server).model_fields if name != "kind"]
        with st.container(key="server"):
            fields.widgets(now.server, ("server",), names)
        received.noticed(now)
        if isinstance(now.server, Changing) and now.server.softness:
            st.html(f'<p class="gi-about">{words.escape(stealth.sentence(now.server.kind))}.</p>')


def _send(key: str) -> None:
    form.choose("server", st.session_state[key])


def _batch_norm(now: Experiment) -> None:
    """Batch norm's mode and its statistics: greyed, with the reason, where they decide nothing."""
    without = not now.model.has_batch_norm
    stored = now.client.batch_norm == "eval"
    _switch(
        "Batch norm", "batch_norm", _NORM, now.client.batch_norm, "Whether pictures are normalised by the network's stored"
        " statistics, or by those of the client's own batch, as in training.", off=without,
    )  # fmt: skip
    _switch(
        "Its statistics", "statistics", _STATISTICS, now.client.statistics,
        "Whether the client sends mean and variance of its pictures in every layer, as FedAvg usually does.",
        off=without or stored,
    )  # fmt: skip
    if without or stored:
        why = (
            f"{now.model.title} has no batch norm here."
            if without
            else "Stored statistics do not move, so nothing is shared."
        )
        st.html(f'<p class="gi-about gi-off">{words.escape(why)}</p>')


def _switch(label: str, name: str, options: dict[str, str], value: str, help: str, off: bool = False) -> None:
    """One row: its name, and a segment for each position."""
    key = form.key(f"client.{name}", value)
    st.segmented_control(
        label, list(options), default=value, required=True, key=key, format_func=options.__getitem__, help=help,
        disabled=off, on_change=form.report, args=(key, _set, name, key),
    )  # fmt: skip


def _set(name: str, key: str) -> None:
    value = st.session_state[key]
    if name == "adaptive":
        form.change(("attack", name), value == "known", seen=True)
    elif name == "kind":
        form.choose("client", value, over=form.SHARED)
    else:
        form.change(("client", name), value == "known" if name == "labels_known" else value, seen=True)
        adapting.labels()


def _weights(experiment: Experiment) -> int | None:
    """How many weights the network has: counted here, or as a worker counted them; None until that is known."""
    bundled = all(ref.startswith("bundled/") for ref in experiment.samples) and experiment.recorded is None
    counted = _counted(experiment.key(), experiment) if bundled else None
    if counted is not None:
        return counted
    _, number, _ = st.session_state.get("launch.preview", ("", "", 0.0))
    job = store().job(number) if number else None
    if job is None:
        return None
    asked, decisive = experiment.model_dump(mode="json"), ("model", "samples", "size", "channels", "recorded")
    same = all(job.spec.get(name) == asked.get(name) for name in decisive)
    return (job.result or {}).get("parameters") if same else None


@st.cache_data(max_entries=300, show_spinner=False)
def _counted(key: str, _experiment: Experiment) -> int | None:
    try:
        pictures = data.load(_experiment)
        graph = layer_graph(_experiment.model, pictures.images.shape[1:], pictures.classes)
    except SpecError:
        return None
    return graph.parameters if graph is not None else None
