"""The section of the form: chips by what they change, and what is chosen, in its order."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from gi_core.settings import DEFENSES
from pages.shared import form
from pages.shared.experiment.defenses import effects, rounds, row
from pages.shared.places import WEB

_STYLE = WEB / "defenses.css"
GROUPS = {
    "Update": ("gradient", "update"),
    "Training": ("local round",),
    "Network": ("architecture",),
    "Pictures": ("pictures",),
}
"""What a person reads -> what `changes` says."""


def draw(kinds: Iterable[str] = DEFENSES, lab: bool = False, several: bool = False) -> None:
    """Chips of these kinds, and a row for each defense of the form.

    lab: with what each did to the update, and the measures of the round. several: a kind may be there more than once.
    """
    st.html(_STYLE)
    kinds = list(kinds)
    with st.container(key="defense_chips", gap="xsmall"):
        for title, changes in GROUPS.items():
            _chips(title, [k for k in kinds if DEFENSES[k].changes in changes])
        if lab:
            rounds.chips()
    chosen = form.current().defenses
    found = effects.measured(form.current()) if lab and chosen else effects.NOTHING
    with st.container(key="defense_rows", gap="xsmall"):
        for index, defense in enumerate(chosen):
            row.draw(index, defense, len(chosen), found, several)
        if lab:
            rounds.rows()
    if lab:
        effects.altogether(found)


def _chips(title: str, kinds: list[str]) -> None:
    if not kinds:
        return
    lit = list(dict.fromkeys(d.kind for d in form.current().defenses if d.kind in kinds))
    key = form.key(f"defenses.{title.lower()}", lit)
    st.pills(
        title, kinds, selection_mode="multi", default=lit, key=key, format_func=lambda k: DEFENSES[k].title,
        on_change=form.report, args=(key, _chose, key, kinds),
    )  # fmt: skip


def _chose(key: str, kinds: list[str]) -> None:
    """The others keep their place, and what is new comes last."""
    wanted = st.session_state[key]
    before = [d.kind for d in form.current().defenses]
    form.choose_defenses([kind for kind in before if kind not in kinds] + wanted)
