"""Pictures to choose from with mouse or arrow keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from pages.shared.places import WEB

_GRID = st.components.v2.component(
    "gi_picture_grid", html='<div class="grid">\n</div>', css=(WEB / "picture_grid.css").read_text(),
    js=(WEB / "picture_grid.js").read_text(),
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One picture. src: data URI. note: a second line, such as a loss. hint: tooltip."""

    id: str
    src: str
    title: str
    note: str = ""
    hint: str = ""
    disabled: bool = False


def picture_grid(
    label: str,
    items: Sequence[Item],
    selected: Sequence[str],
    on_pick: Callable[[str], None],
    *,
    key: str,
    several: bool = False,
    clearable: bool = False,
    cell: int = 52,
    titles: bool = True,
    crisp: bool = False,
) -> None:
    """Draw the grid. on_pick(id) is called when a person clicks a picture or moves to it by key.

    several: check boxes instead of one choice. clearable: a second click takes the choice back.
    """

    def picked() -> None:
        value = st.session_state[key].get("picked")
        if value is not None:
            on_pick(str(value))

    data = {
        "label": label,
        "items": [asdict(item) for item in items],
        "selected": list(selected),
        "several": several,
        "clearable": clearable,
        "cell": cell,
        "titles": titles,
        "crisp": crisp,
    }
    _GRID(key=key, data=data, on_picked_change=picked)
