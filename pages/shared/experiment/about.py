"""What a part of an experiment is, and where it was published, under the widget that chooses it."""

from __future__ import annotations

import re

from gi_core.settings import Component
from pages.shared.words import escape

_QUOTED = re.compile(r"`([^`]+)`")


def part(chosen: Component) -> str:
    """HTML: its description and its paper, which opens in a tab of its own."""
    text = _QUOTED.sub(r"<code>\1</code>", escape(chosen.description))
    paper = f"<cite>{escape(chosen.paper)}</cite>" if chosen.paper else ""
    if chosen.link:
        paper = f'<a href="{escape(chosen.link)}" target="_blank" rel="noopener noreferrer">{paper}</a>'
    return f'<p class="gi-about">{text}{paper}</p>'
