"""The noise level: one slider, and its inverse, the error that is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from gi_core.analysis.risk import BLURRED
from pages.influence.reading import Reading, short
from pages.shared import words

KEY, TARGET = "noise", "target"


def _label(sigma: float) -> str:
    """0.0106, 1e-3, 2.51e-7."""
    if sigma >= 0.0099:
        return f"{sigma:.3g}"
    digits, power = f"{sigma:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


_LEVELS = {_label(s): float(s) for s in np.logspace(-9, 1, 401)}
_TARGETS = {f"{s:.2g}": float(s) for s in np.geomspace(1e-3, 1.0, 97)}
_START = "1e-3"


def _nearest(value: float, known: dict[str, float]) -> str:
    logs = np.log(list(known.values()))
    return list(known)[int(np.argmin(np.abs(logs - np.log(min(max(value, 1e-12), 1e3)))))]


def now() -> float:
    """The noise level that the page shows."""
    return _LEVELS.get(st.session_state.get(KEY, _START), _LEVELS[_START])


def move(sigma: float) -> None:
    """Set the slider."""
    st.session_state[KEY] = _nearest(sigma, _LEVELS)


def draw(one: Reading, all_of_them: Sequence[Reading]) -> None:
    """Both sliders, and where matching is hardly better than guessing. one: the picture looked at."""
    with st.grid(2, min_column_width=280, gap="medium", vertical_alignment="bottom", key="noise_row"):
        st.select_slider(
            "Noise on every value of the update (σ)", list(_LEVELS), _START, key=KEY, bind="query-params",
            persist_state="session", help="Standard deviation of the Gaussian noise that the client would add.",
        )  # fmt: skip
        # it keeps what was wanted: a slider that followed the other one could take its old value for a wish
        st.select_slider(
            "Set it so that this picture is off by, per pixel", list(_TARGETS), _nearest(BLURRED, _TARGETS), key=TARGET,
            on_change=_aim, args=(one,), persist_state="session",
            help=f"Choose the error that you want for {one.name}, and the noise follows. 0 is a perfect copy; guessing"
            " plain grey is off by 0.3. For an attacker without a picture prior.",
        )  # fmt: skip
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="noise_bar"):
        st.html(f'<p class="gi-about">{_needed(one)}</p>', width="stretch")
        st.button(
            "As good as guessing", key="noise_blur", icon=":material/blur_on:", on_click=move,
            args=(one.noise_for(BLURRED),), help=f"Sets the noise at which {one.name} is off by {BLURRED:g} per pixel.",
        )  # fmt: skip
        if len(all_of_them) > 1:
            st.button(
                "For all of them", key="noise_all", icon=":material/groups:", on_click=move,
                args=(max(r.noise_for(BLURRED) for r in all_of_them),),
                help="Sets the noise at which even the most exposed picture is off by so much.",
            )  # fmt: skip


def _aim(one: Reading) -> None:
    move(one.noise_for(_TARGETS[st.session_state[TARGET]]))


def _needed(one: Reading) -> str:
    """The noise at which matching is hardly better than guessing, without and with a prior."""
    with_prior = one.noise_for_with_prior(BLURRED)
    return (
        f"Of {words.escape(one.name)}, matching is hardly better than guessing grey (off by {BLURRED:g} per pixel) from σ"
        f" <b>{short(one.noise_for(BLURRED))}</b> on; for an attacker who knows what pictures look like, from"
        f" <b>{short(with_prior)}</b> on. Neither is a guarantee."
    )
