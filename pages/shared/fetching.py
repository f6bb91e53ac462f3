"""Data sets and weights fetched on a click, by a process of its own, with its progress."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import dataclass

import streamlit as st

from gi_core.experiments import fetching
from pages.shared import telling, words

_PROGRAM = """
import sys
from gi_core.settings import SpecError
name = sys.argv[1]
tell = lambda share, text: print(f"{share:.3f} {text}", flush=True)
try:
    if name == "lpips":
        from gi_core.metrics.fetch import fetch as fetch_lpips
        fetch_lpips(tell)
    else:
        from gi_core.experiments.fetching import fetch
        fetch(name, tell)
except SpecError as error:
    sys.exit("error: " + str(error))
"""
_TITLES = {"lpips": "the LPIPS weights"}
_COMMAND = re.compile(r"gi_core fetch ([a-z0-9_]+)")


@dataclass
class Fetch:
    """share in [0, 1]. error: one sentence once it failed."""

    share: float = 0.0
    text: str = "starting"
    over: bool = False
    error: str = ""


@st.cache_resource(show_spinner=False)
def _fetches() -> dict[str, Fetch]:
    return {}


def active() -> bool:
    """Whether any download is under way."""
    return any(not fetch.over for fetch in _fetches().values())


def start(name: str) -> None:
    """Begin, unless it is already under way."""
    now = _fetches().get(name)
    if now is not None and not now.over:
        return
    fetch = _fetches()[name] = Fetch()
    threading.Thread(target=_follow, args=(name, fetch), daemon=True).start()


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


def offer(name: str, title: str, place: str) -> None:
    """A button that fetches, its progress, or why it failed."""
    fetch = _fetches().get(name)
    if fetch is not None and not fetch.over:
        st.progress(fetch.share, text=words.plain(f"{title[:1].upper()}{title[1:]}: {fetch.text}"))
        return
    st.button(f"Fetch {title}", key=f"fetch_{place}_{name}", on_click=start, args=(name,))
    if fetch is not None and fetch.error:
        telling.problem(fetch.error)


def offers(sentences: list[str], place: str) -> None:
    """Buttons for whatever these sentences say has to be fetched; they follow by themselves."""
    names = {n for text in sentences for n in _COMMAND.findall(text)} & {*fetching.fetchable(), "lpips"}
    if names:
        follow({name: _TITLES.get(name, name) for name in sorted(names)}, place)


def follow(titles: dict[str, str], place: str) -> None:
    """Offers that refresh while a download is under way, and the page once it is over."""
    every = 0.7 if active() else None
    st.fragment(_offers, run_every=every, key=f"fetching_{place}")(titles, place, every is not None)


def _offers(titles: dict[str, str], place: str, timed: bool) -> None:
    for name, title in titles.items():
        offer(name, title, place)
    if active() != timed:
        st.cache_data.clear()
        st.rerun(scope="app")
