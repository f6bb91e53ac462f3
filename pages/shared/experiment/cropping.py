"""Choose a part of one's own picture, and the values that are shown, with what comes of it beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image

from gi_core.data.views import Crop, View, split
from gi_core.data.windows import Window
from gi_core.settings.sizes import MIN_SIZE, sides, whole
from pages.shared import form, telling, thumbnails, words
from pages.shared.pictures import uri
from pages.shared.thumbnails import Whole

_SHAPES = ("Square", "Rectangle")
_SIDE = 32


def draw(refs: list[str]) -> None:
    """Let a person choose a part of each of these pictures, which are their own. What is used becomes a part of the picture's reference."""
    ref = refs[0]
    if len(refs) > 1:
        ref = st.selectbox(
            "Picture", refs, key=form.key("crop.which"),
            format_func=lambda r: f"{refs.index(r) + 1}: {words.sample_name(r)}",
        )  # fmt: skip
    name, view = split(ref)
    seen = thumbnails.whole(f"{name}{View(window=view.window)}")
    if seen is None:
        refused = thumbnails.refused([f"{name}{View(window=view.window)}"])
        telling.caption(next(iter(refused.values()), "A worker makes the picture small…"))
        return
    if min(seen.size) < MIN_SIZE:
        st.caption("This picture is too small to cut.")
        return
    crop = _rectangle(ref, seen, view)
    _show(seen, crop)
    for said in seen.said:
        telling.caption(said)
    _range(ref, name, view, seen)
    st.button(
        "Use this part", type="primary", key=form.key("crop.use"), on_click=form.report,
        args=(form.key("crop.use"), _use, ref, name, view, crop, seen),
    )  # fmt: skip
    if view.crop is not None:
        st.button(
            "Use the whole picture", key=form.key("crop.all"), on_click=form.report,
            args=(form.key("crop.all"), _use, ref, name, view, None, seen),
        )  # fmt: skip


def _rectangle(ref: str, seen: Whole, view: View) -> Crop:
    """Choose the rectangle by sliders, in pixels of the file."""
    (width, height), now = seen.size, view.crop
    wide = now is not None and now.width != now.height
    key = form.key(f"crop.{ref}")
    shape = st.segmented_control("Shape", _SHAPES, default=_SHAPES[wide], required=True, key=f"{key}.shape")
    if shape == "Square":
        most = min(width, height)
        side = _slide("Side", MIN_SIZE, most, min(now.width, now.height) if now else most, f"{key}.side")
        start = (now.left, now.top) if now else ((width - side) // 2, (height - side) // 2)
        left = _slide("From the left", 0, width - side, start[0], f"{key}.left")
        top = _slide("From the top", 0, height - side, start[1], f"{key}.top")
        return Crop(side, side, left, top)
    across = (now.left, now.left + now.width) if now else (0, width)
    down = (now.top, now.top + now.height) if now else (0, height)
    left, right = st.slider("Left to right", 0, width, across, key=f"{key}.across")
    top, bottom = st.slider("Top to bottom", 0, height, down, key=f"{key}.down")
    left, top = min(left, width - MIN_SIZE), min(top, height - MIN_SIZE)
    return Crop(max(right - left, MIN_SIZE), max(bottom - top, MIN_SIZE), left, top)


def _slide(label: str, low: int, high: int, value: int, key: str) -> int:
    """A slider whose range may shrink under its value; none where there is nothing to choose."""
    if low >= high:
        return low
    if key in st.session_state:
        st.session_state[key] = max(low, min(high, st.session_state[key]))
        return st.slider(label, low, high, key=key)
    return st.slider(label, low, high, max(low, min(high, value)), key=key)


def _show(seen: Whole, crop: Crop) -> None:
    """The whole picture with the rectangle bright in it, and the rectangle alone."""
    with Image.open(seen.path, formats=("PNG",)) as image:  # a worker wrote it
        pixels = np.asarray(image.convert("RGB"))
    across, down = pixels.shape[1] / seen.size[0], pixels.shape[0] / seen.size[1]
    left, top = int(crop.left * across), int(crop.top * down)
    right = max(left + 1, round((crop.left + crop.width) * across))
    bottom = max(top + 1, round((crop.top + crop.height) * down))
    dimmed = (pixels * 0.35).astype(np.uint8)
    dimmed[top:bottom, left:right] = pixels[top:bottom, left:right]
    parts = ((dimmed, "the whole picture, the chosen part bright"), (pixels[top:bottom, left:right], "the chosen part"))
    shown = "".join(f'<img src="{uri(np.ascontiguousarray(part))}" alt="{alt}">' for part, alt in parts)
    st.html(
        f'<div class="gi-crop">{shown}</div><p class="gi-about">{crop.width} × {crop.height} of {seen.size[0]} × {seen.size[1]} pixels</p>'
    )


def _range(ref: str, name: str, view: View, seen: Whole) -> None:
    """Which values are black and white, of pictures with more than eight bits."""
    if seen.shown is None:
        return
    low, high = seen.shown
    key = form.key(f"crop.range.{ref}")
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="bottom"):
        black = st.number_input(
            "Black at", value=float(low), key=f"{key}.low", format="%g",
            help="The value in the file that is shown as black.",
        )  # fmt: skip
        white = st.number_input("White at", value=float(high), key=f"{key}.high", format="%g")
        changed = black < white and (black, white) != (low, high)
        window = Window(black, white, "as set") if black < white else None
        st.button(
            "Show", key=f"{key}.set", disabled=not changed, on_click=_swap,
            args=(ref, f"{name}{replace(view, window=window)}"),
        )  # fmt: skip
    if black >= white:
        st.caption("White lies above black.")


def _use(ref: str, name: str, view: View, crop: Crop | None, seen: Whole) -> None:
    """The rectangle as a part of the reference; a size of its proportions, so that nothing more is cut off."""
    if crop is not None and (crop.width, crop.height) == seen.size:
        crop = None
    width, height = (crop.width, crop.height) if crop else seen.size
    _swap(ref, f"{name}{replace(view, crop=crop)}")
    now = form.current()
    longest = max(sides(now.size) or (_SIDE, _SIDE))
    if width == height:
        if now.size is not None and not isinstance(now.size, int):
            form.change(("size",), longest)
        return
    scale = longest / max(width, height)
    form.change(("size",), whole(*(max(MIN_SIZE, round(side * scale)) for side in (height, width))))


def _swap(ref: str, new: str) -> None:
    chosen = [new if one == ref else one for one in form.current().samples]
    form.change(("samples",), list(dict.fromkeys(chosen)))
