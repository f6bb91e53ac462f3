"""Slow motion: one iteration of the search a click, with the equation and the numbers in it."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.lessons.lesson import Step
from gi_core.settings import SpecError
from gi_core.types.slow_motion import Moment, SlowMotion, read
from pages.lessons.reading import Place
from pages.shared import address, telling, words
from pages.shared.experiment.permitted import refuse
from pages.shared.result import charts, outcomes
from pages.shared.session import dispatcher, store, viewer

_ASKED, _AT = "lessons.slow", "lessons.slow_at"
_PACE = 0.5


def draw(place: Place, step: Step) -> None:
    """Nothing where the lesson offers none; else a button, and after it one iteration after another."""
    if not step.slow:
        return
    job = store().job(st.session_state.get(_ASKED, {}).get(_key(place), ""))
    charts.heading("Slow motion", "one iteration of the search a click")
    if job is None:
        st.button(
            "Show the first iterations one by one", key="slow_begin", icon=":material/slow_motion_video:", on_click=_begin, args=(place, step),
        )  # fmt: skip
        return
    st.fragment(_follow, run_every=None if job.over else _PACE, key="slow_live")(job.id, place, job.over)


def _key(place: Place) -> tuple[str, int, int]:
    return (*place.key, place.value)


def _begin(place: Place, step: Step) -> None:
    spec = {"experiment": step.asked(place.value).model_dump(mode="json"), "iterations": step.slow}
    cached = f"slow:{step.asked(place.value).key()}:{step.slow}"
    try:
        refuse(step.asked(place.value))
        dispatcher().ensure()
        number = store().submit("slow_motion", spec, owner=viewer() or "", title=step.title, cache_key=cached)
    except SpecError as error:
        address.say(str(error))
        return
    st.session_state.setdefault(_ASKED, {})[_key(place)] = number
    _go(place, 0)


def _go(place: Place, at: int) -> None:
    st.session_state.setdefault(_AT, {})[_key(place)] = at


def _follow(number: str, place: Place, over: bool) -> None:
    job = store().job(number)
    if job is None or job.over != over:
        st.rerun(scope="app")
    found = read(job.result)
    if job.state == "failed":
        telling.problem(job.error or "it failed")
    elif found is None:
        dispatcher().ensure()
        telling.note(str(job.progress.get("stage") or "waiting for the worker"))
    else:
        _moments(job, found, place)


def _moments(job: Job, found: SlowMotion, place: Place) -> None:
    at, last = st.session_state.get(_AT, {}).get(_key(place), 0), len(found["moments"])
    at = min(at, last)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="slow_keys"):
        st.button(
            "Next iteration",
            key="slow_next",
            icon=":material/skip_next:",
            disabled=at == last,
            on_click=_go,
            args=(place, at + 1),
        )
        st.button(
            "From the start",
            key="slow_first",
            icon=":material/replay:",
            disabled=at == 0,
            on_click=_go,
            args=(place, 0),
        )
        st.html(f'<p class="gi-about" role="status">iteration {at} of {last}</p>', width="content")
    with st.container(horizontal=True, gap="medium", key="slow_view"):
        _picture(job, found, at)
        st.html(_told(found, at), width="stretch")


def _picture(job: Job, found: SlowMotion, at: int) -> None:
    name = found["moments"][at - 1]["picture"] if at else found["start"]
    src = outcomes.file(job, name)
    title = f"The guess after iteration {at}" if at else "The guess before the first iteration"
    if src is not None:
        st.html(
            f'<figure class="gi-moment"><img src="{src}" alt="{title}"><figcaption>{title}</figcaption></figure>',
            width="content",
        )


def _told(found: SlowMotion, at: int) -> str:
    """The rule, the numbers of this iteration, and those before it."""
    rule = f'<p class="gi-formula">{words.escape(found["rule"])}</p>'
    if not at:
        return (
            f"{rule}<p>D(x) is how far the guess's gradient is from the one that was sent. Click, and x moves once.</p>"
        )
    now = found["moments"][at - 1]
    said = (
        f'<p class="gi-formula">D(x) = {now["loss"]:.4g} &nbsp; ‖∇D(x)‖ = {now["gradient"]:.3g} &nbsp; ‖Δx‖ = {now["moved"]:.3g}'
        f" &nbsp; ⇒ &nbsp; D(x + Δx) = <b>{now['after']:.4g}</b></p>"
    )
    rows = "".join(map(_row, found["moments"][:at]))
    heads = ("iteration", "D before", "‖∇D‖", "step ‖Δx‖", "D after")
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    return f'{rule}{said}<div class="gi-scroll" tabindex="0"><table class="gi-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(one: Moment) -> str:
    numbers = (one["loss"], one["gradient"], one["moved"], one["after"])
    return f"<tr><td>{one['iteration']}</td>{''.join(f'<td>{value:.4g}</td>' for value in numbers)}</tr>"
