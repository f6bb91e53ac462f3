"""Make a sweep on the page: a base, up to three things that vary, or a file; it says its size and time as it changes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.experiments.sweeps.axes import typed
from gi_core.experiments.sweeps.fields import Field, offered
from gi_core.jobs import times
from gi_core.settings import Experiment, SpecError
from gi_core.settings.presets import presets
from gi_core.settings.sweep import Axis, Sweep, build_sweep, read_sweep
from pages.shared import form, telling, words
from pages.shared.experiment import press
from pages.shared.sweeps import asking, keeping

MOST_AXES = 3
NAME, BASE = "sweep_name", "sweep_base"
"""Keys of widgets."""
LAB = "The lab's form"


def draw() -> None:
    """The form, or a file; either ends in the same line and button."""
    made, loaded = st.tabs(["By form", "From a file"])
    with made, st.container(gap="small", key="sweep_form"):
        st.fragment(_by_form, key="sweep_making")()
    with loaded, st.container(gap="small", key="sweep_file"):
        _from_file()


def _bases() -> dict[str, Experiment]:
    """What a sweep may start from, by what a person calls it."""
    held = form.held(form.LAB)
    found = {LAB: held} if held is not None else {}
    return found | {preset.title: preset.experiment for preset in presets()}


def _by_form() -> None:
    bases = _bases()
    with st.grid(2, min_column_width=260, gap="small", vertical_alignment="bottom"):
        name = st.text_input("Name", max_chars=120, **keeping.widget(NAME, "My sweep"))
        chosen = st.selectbox(
            "Base", list(bases), **keeping.widget(BASE, next(iter(bases)), bases),
            help="What stays the same in all experiments.",
        )  # fmt: skip
    base = bases[chosen]
    st.html(f'<p class="gi-about">{words.escape(words.question(base.model_dump(mode="json")))}</p>')
    try:
        with st.container(gap="small", key="sweep_axes"):
            axes: list[Axis] = []
            while len(axes) < MOST_AXES and (axis := _axis(len(axes), base)) is not None:
                axes.append(axis)
        accuracy = st.toggle(
            "Also measure accuracy", **keeping.widget("sweep_accuracy", False),
            help="Trains the network federated with the same defenses, several times for each defense: it takes longer.",
        )  # fmt: skip
        if not axes:
            st.html('<p class="gi-estimate" role="status">Choose what varies.</p>')
            return
        document: dict[str, Any] = {
            "name": name.strip() or "My sweep", "base": base.model_dump(mode="json"), "utility": {} if accuracy else None,
            "axes": [axis.model_dump(mode="json") for axis in axes],
        }  # fmt: skip
        _launch(build_sweep(document), "form", f"{base.key()}.{'.'.join(axis.name for axis in axes)}.{accuracy}")
    except SpecError as error:
        telling.problem(error)


def _axis(number: int, base: Experiment) -> Axis | None:
    """One row: what varies, and its values. Raises SpecError for values that are none."""
    fields = offered(base)
    left, right = st.columns([1, 2], gap="small", vertical_alignment="bottom")
    with left:
        key = st.selectbox(
            ("Varies", "And", "And also")[number], list(fields), index=None, placeholder="nothing",
            **keeping.widget(f"axis_{number}", None, fields), format_func=lambda k: fields[k].title if k in fields else k,
        )  # fmt: skip
    if key is None:
        return None
    with right:
        values = _values(fields[key], base, f"axis_{number}_{key}")
    return fields[key].axis(base, values)


def _values(field: Field, base: Experiment, key: str) -> list[Any]:
    if field.choices is None:
        typed_first = ", ".join(f"{value:g}" for value in field.first(base))
        text = st.text_input("Values", **keeping.widget(key, typed_first), help=field.help, max_chars=400)
        return typed(text, field.whole)
    options = {k: title or words.sample_name(k) for k, title in field.choices(base).items()}
    first = [k for k in field.first(base) if k in options]
    chosen = st.multiselect(
        "Values", list(options), format_func=options.__getitem__, **keeping.widget(key, first, options), help=field.help,
        placeholder="choose some",
    )  # fmt: skip
    if not chosen:
        raise SpecError(f"{field.title.lower()}: choose one value at least")
    return chosen


def _from_file() -> None:
    file = st.file_uploader(
        "Sweep as TOML or JSON", ["toml", "json"], key="sweep_upload", max_upload_size=1,
        help="A [base], and [[axes]] with name, path and values; every sweep can be saved as such a file.",
    )  # fmt: skip
    if file is None:
        return
    try:
        sweep = read_sweep(file.getvalue(), toml=file.name.lower().endswith(".toml"))
        st.html(f'<p class="gi-lead"><b>{words.escape(sweep.name)}</b> {words.escape(sweep.question)}</p>')
        _launch(sweep, "file", sweep.key())
    except SpecError as error:
        telling.problem(error)


def _launch(sweep: Sweep, where: str, about: str) -> None:
    """How much it is, what is left out, and the button. about: what was drawn above it. Raises SpecError."""
    found = asking.extent(sweep)
    waiting = asking.awaited(found)
    st.fragment(_estimate, run_every=1.0 if waiting else None, key=f"sweep_estimate_{where}")(found, waiting)
    for reason in asking.reasons(found):
        telling.problem(reason)
    if press.button(f"run_sweep_{where}", "Run the sweep", about, type="primary", disabled=not found.runs):
        asking.start(sweep)
        st.rerun(scope="app")


def _estimate(found: asking.Extent, waited: bool) -> None:
    text = asking.size(found)
    if asking.awaited(found):
        text += " · estimating the time…"
    elif (span := asking.seconds(found)) is not None:
        text += f" · about {times.said(times.around(span))} of attacking"
    st.html(f'<p class="gi-estimate" role="status">{words.escape(text)}</p>')
    if waited and not asking.awaited(found):
        st.rerun(scope="app")
