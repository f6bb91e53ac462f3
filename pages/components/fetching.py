"""Data sets and weights fetched on a click, by a process of its own, with its progress."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field

import streamlit as st

_PROGRAM = """
import sys
from gi_core.data.fetch import fetch
from gi_core.spec import SpecError
try:
    fetch(sys.argv[1], lambda share, text: print(f"{share:.3f} {text}", flush=True))
except SpecError as error:
    sys.exit("error: " + str(error))
"""


@dataclass
class Fetch:
    """share in [0, 1]. error: one sentence once it failed."""

    share: float = 0.0
    text: str = "starting"
    over: bool = False
    error: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _fetches() -> dict[str, Fetch]:
    return {}


def find(name: str) -> Fetch | None:
    """The download of that name in this server's life, or None."""
    return _fetches().get(name)


def start(name: str) -> None:
    """Begin, unless it is already under way."""
    now = _fetches().get(name)
    if now is not None and not now.over:
        return
    fetch = _fetches()[name] = Fetch()
    threading.Thread(target=_follow, args=(name, fetch), daemon=True).start()


def active() -> bool:
    """Whether any download is under way."""
    return any(not fetch.over for fetch in _fetches().values())


def _follow(name: str, fetch: Fetch) -> None:
    """Read the child's lines; never touches the page."""
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in child.stdout or ():
        share, _, text = line.strip().partition(" ")
        try:
            fetch.share, fetch.text = min(1.0, float(share)), text
        except ValueError:
            continue
    stderr = child.stderr.read() if child.stderr else ""
    if child.wait() != 0:
        last = (stderr.strip().splitlines() or ["it stopped without a reason"])[-1]
        fetch.error = last.removeprefix("error: ")
    fetch.over = True
