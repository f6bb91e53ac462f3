"""Pictures at the thresholds, pictures that part the two words, and pictures on which the rule errs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from gi_core.metrics import specimens
from gi_core.metrics.registry import shown
from gi_core.metrics.specimens import Specimen
from pages.shared.experiment import meter
from pages.shared.pictures import uri
from pages.shared.words import escape

_SECTIONS = {
    "apart": ("Neither follows from the other", "A pale copy is plain to a person, and any grey picture is nearer to it in its values."
              " Behind noise a person sees little, and still no other picture is as near."),
    "errors": ("Where the rule errs", "SSIM looks through a window of 11 pixels. It falls with noise that an eye looks past and with a shift"
               " that no eye minds; it stays high where a second picture covers the first. Of a smooth original a blank picture is as like as half of it. So the picture and the numbers always stand beside the word."),
}  # fmt: skip


def draw() -> None:
    """All of it. The pictures are made when they are first looked at."""
    limits, apart, errors = _made()
    st.html(
        '<h2 class="gi-question">At the thresholds</h2><p class="gi-about">Each picture was damaged until its SSIM lay just above or just'
        " below a threshold. Left the original, right what would have come back.</p>"
    )
    for heading, found in limits:
        st.html(f'<h3 class="gi-sub">{escape(heading)}</h3>{_row(found)}')
    for name, found in (("apart", apart), ("errors", errors)):
        title, text = _SECTIONS[name]
        st.html(f'<h2 class="gi-question">{escape(title)}</h2><p class="gi-about">{escape(text)}</p>{_row(found)}')


@st.cache_resource(show_spinner="Making pictures at the thresholds")
def _made() -> tuple[list[tuple[str, list[Specimen]]], list[Specimen], list[Specimen]]:
    return specimens.at_thresholds(), specimens.apart(), specimens.errors()


def _row(found: Sequence[Specimen]) -> str:
    return f'<div class="gi-specimens">{"".join(map(_figure, found))}</div>'


def _figure(one: Specimen) -> str:
    numbers = f"PSNR {shown('psnr', one.entry['psnr'])}, SSIM {one.entry['ssim']:.2f}, number {one.entry['iip_rank']} of {one.entry['iip_candidates']}"
    images = "".join(
        f'<img src="{uri(_pixels(picture))}" alt="{name}: {escape(one.title)}">'
        for name, picture in (("original", one.original), ("answer", one.picture))
    )
    return (
        f'<figure class="gi-specimen gi-{one.said.level}"><div>{images}</div><figcaption><b>{escape(one.title)}</b>'
        f'<span><i aria-hidden="true">{meter.SIGNS[one.said.level]}</i> {escape(one.said.label)}</span><small>{escape(numbers)}</small>'
        "</figcaption></figure>"
    )


def _pixels(picture: np.ndarray) -> np.ndarray:
    """(C, H, W) in [0, 1] to (H, W, C) bytes."""
    values: np.ndarray = (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    return values
