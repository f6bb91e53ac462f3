"""The networks that a form offers, and the one that stands there although no form offers it: a person's own."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import EVERY_MODEL, MODELS
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import MEMORY, OwnNetwork, barred
from pages.shared import words


def kinds(now: Model, *without: str) -> list[str]:
    """What can be picked, and what stands."""
    found = [kind for kind in MODELS if kind not in without]
    return found if now.kind in found else [*found, now.kind]


def title(kind: str) -> str:
    """What a person reads of it."""
    return EVERY_MODEL[kind].title


def own(model: Model) -> bool:
    """Whether it is a network of a person's own; then draw which, and why it is not run here."""
    if not isinstance(model, OwnNetwork):
        return False
    shown = model.source.removeprefix(MEMORY)
    why = words.escape(
        barred(model) or "a command line or a Python program named it, and its settings stay as they are"
    )
    st.html(f'<p class="gi-about"><code>{words.escape(shown)}</code><br>{why[:1].upper()}{why[1:]}.</p>')
    return True
