"""What of the update was sent, whether it is a change or whole weights, and which defenses the client is known to have used."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import DEFENSES
from gi_core.settings.client import FedAvg
from gi_core.settings.recorded_round import MISSING
from pages.shared import form
from pages.shared.experiment.defenses import view as defenses

LACKING = "; if what is missing was not sent, say recorded.withheld=missing"
"""The end of a worker's sentence, in whose place stands a button here."""
_CONTENTS = {
    "auto": "read from the file", "change": "the change of the weights", "weights": "whole weights after the round",
}  # fmt: skip
_KNOWN = "updates.defended"


def draw() -> None:
    """Two folds: not everything was sent, and defenses."""
    now = form.current()
    if now.recorded is None:
        return
    some = bool(now.recorded.withheld or now.recorded.sent or now.recorded.contents != "auto")
    with st.expander(
        "What the file holds: said by you" if some else "What the file holds", type="compact", key="fold.part"
    ):
        if isinstance(now.client, FedAvg):
            _contents()
        _patterns(
            "sent", "Tensors that were sent", "all of them",
            "Names or patterns, where the client sent a part: layer4.*, fc.*",
        )  # fmt: skip
        _patterns(
            "withheld", "Tensors that were not sent", "none",
            "Names or patterns such as layer4.*; missing: whatever the file lacks.",
        )  # fmt: skip
    title = (
        f"Defenses known to the server: {len(now.defenses)}"
        if now.defenses
        else "Defenses, if the server knows of them"
    )
    with st.expander(title, type="compact", key="fold.defenses"):
        st.html(
            '<p class="gi-about">What the client did to its update before it was sent. The attack then allows for it; nothing is'
            " done to the files.</p>"
        )
        defenses.draw([kind for kind, defense in DEFENSES.items() if not defense.unread])
    _use()


def lacking() -> None:
    """Take what the file lacks for not sent."""
    now = form.current().recorded
    if now is not None:
        form.change(("recorded", "withheld"), [*dict.fromkeys((*now.withheld, MISSING))])


def _use() -> None:
    """An attacker who knows of defenses makes use of it, unless that is switched off afterwards."""
    known = bool(form.current().defenses)
    if known and not st.session_state.get(_KNOWN) and not form.current().attack.adaptive:
        form.change(("attack", "adaptive"), True)
    st.session_state[_KNOWN] = known


def _contents() -> None:
    now, key = form.current().recorded, form.key("contents")
    assert now is not None
    st.selectbox(
        "The file holds", list(_CONTENTS), list(_CONTENTS).index(now.contents), key=key, format_func=_CONTENTS.__getitem__,
        on_change=_set, args=(("recorded", "contents"), key),
        help="Flower and MONAI send whole weights: the checkpoint is subtracted from them. They are recognised because they are close to it.",
    )  # fmt: skip


def _patterns(name: str, label: str, empty: str, help: str) -> None:
    now, key = form.current().recorded, form.key(f"recorded.{name}")
    st.text_input(
        label, ", ".join(getattr(now, name)), key=key, max_chars=2000, placeholder=empty, help=help, on_change=_set,
        args=(("recorded", name), key),
    )  # fmt: skip


def _set(path: tuple[str, ...], key: str) -> None:
    form.change(path, st.session_state[key])
