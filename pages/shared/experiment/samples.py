"""Step one of the form: the private picture, chosen by clicking it."""

from __future__ import annotations

import streamlit as st

from gi_core import data
from gi_core.data.types import SampleInfo
from gi_core.experiments.fetching import fetchable
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.documents import whole_number
from pages.shared import fetching, form, stage, thumbnails, words
from pages.shared.experiment import adapting, cropping, fields, own_pictures, press
from pages.shared.experiment.picture_grid import Item, picture_grid
from pages.shared.experiment.references import known


def draw(geometry: bool = True, apart: bool = False) -> None:
    """Groups of thumbnails, an upload, and how the picture is prepared; geometry: its size too.

    apart: several pictures, each looked at alone, and no batch.
    """
    st.session_state[form.key("apart")] = apart
    if apart:
        st.session_state[form.key("several")] = True
    if stage.attackers_view():
        st.html('<p class="gi-about">Hidden in the attacker\'s view.</p>')
        return
    if form.current().recorded is not None:
        _recorded()
        return
    infos = known()
    groups = list(dict.fromkeys(info.group for info in infos if info.available))
    chosen = form.current().samples
    mine = next((i.group for i in infos if i.ref == chosen[0]), None)
    group = st.pills(
        "Kind of picture", groups, default=mine if mine in groups else groups[0], required=True,
        key=form.key("group"), label_visibility="collapsed",
    )  # fmt: skip
    shown = [i for i in infos if i.group == group and i.available]
    extra = [ref for ref in chosen if ref not in {i.ref for i in infos} and data.browser_allowed(ref)]
    source = thumbnails.sources(shown, extra)
    items = [Item(ref, source[ref], words.sample_name(ref)) for ref in extra]
    items += [
        Item(i.ref, source[i.ref], i.title if i.thumbnail else i.class_name or i.title, hint=i.title) for i in shown
    ]
    picture_grid("Private picture", items, chosen, _pick, key="sample_grid", several=_several(), cell=72)
    _by_number(shown)
    missing = [i for i in infos if not i.available]
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        with st.popover("Your own", icon=":material/upload:", key="sample_own"):
            own_pictures.upload(_take)
        if extra:
            with st.popover("Crop", icon=":material/crop:", key="sample_crop"):
                cropping.draw(extra)
        if missing:
            with st.popover("More", icon=":material/database:", key="sample_sets"):
                st.html('<p class="gi-about">Fetched once from their publishers, then kept on this machine.</p>')
                fetching.follow({i.ref.split(":")[0]: i.title for i in missing}, "sets")
        title = "Size, colour" if apart else "Size, batch" if geometry else "Batch"
        with st.popover(title, icon=":material/tune:", key="sample_more"):
            if not apart:
                st.toggle(
                    "Several pictures at once", _several(), key=form.key("several"), on_change=form.report,
                    args=(form.key("several"), _one_again),
                    help="The client computes one gradient on all of them together, which hides each a little.",
                )  # fmt: skip
            fields.widgets(form.current(), (), ["size", "channels", "normalise"][0 if geometry else 2 :])
            _labels(infos)
    own_pictures.unreadable(extra)


def _recorded() -> None:
    """An update that a real client sent stands in place of the picture."""
    st.html('<p class="gi-about">An update that was recorded elsewhere is attacked: its picture is not here.</p>')
    press.act("unrecord", "Choose a picture instead", form.change, ("recorded",), None, icon=":material/image:")


def _pick(ref: str) -> None:
    chosen = list(form.current().samples)
    if not _several():
        chosen = [ref]
    elif ref in chosen:
        chosen = [c for c in chosen if c != ref] or chosen
    else:
        chosen = [*chosen, ref][:MAX_BATCH]
    _choose(chosen)


def _choose(refs: list[str]) -> None:
    """These pictures, with the data's own labels; what they make impossible follows, except where each is looked at alone."""
    refs, left = adapting.one_source(refs)
    form.change(("labels",), None)
    form.change(("samples",), refs)
    if not st.session_state.get(form.key("apart")):
        adapting.pictures(left)


def _by_number(shown: list[SampleInfo]) -> None:
    """Any picture of a data set, not only the first few."""
    name, colon, _ = shown[0].ref.rpartition(":")
    if name not in fetchable():
        return
    chosen = form.current().samples[0].rpartition(":")
    value = whole_number(chosen[2]) if chosen[0] == name else None
    key = form.key(f"number.{name}", value)
    st.number_input(
        "Any other, by its number", 0, 9999, value, step=1, placeholder="0 to 9999", key=key,
        on_change=form.report, args=(key, _pick_number, key, name),
    )  # fmt: skip


def _pick_number(key: str, name: str) -> None:
    if st.session_state[key] is not None:
        _pick(f"{name}:{int(st.session_state[key])}")


def _several() -> bool:
    """Whether the client trains on more than one picture at once."""
    return bool(st.session_state.get(form.key("several"), len(form.current().samples) > 1))


def _one_again() -> None:
    if not _several():
        _choose([form.current().samples[0]])


def _take(refs: list[str]) -> None:
    """Pictures that were uploaded: in place of the one, or beside the others where there are several."""
    chosen = form.current().samples
    mine = [ref for ref in chosen if ref.startswith("upload:")] if _several() else []
    if len({*mine, *refs}) > 1:
        st.session_state.pop(form.key("several"), None)  # more than one is several
    _choose(list(dict.fromkeys([*mine, *refs]))[:MAX_BATCH])


def _labels(infos: list[SampleInfo]) -> None:
    now = form.current()
    if len(now.samples) > 1:
        return
    value = now.labels[0] if now.labels else None
    key = form.key("label", value)
    st.number_input(
        "Label", 0, 21_999, value, step=1, placeholder="the picture's own",
        key=key, on_change=form.report, args=(key, _set_label, key), help="The class that the client trains this picture on.",
    )  # fmt: skip


def _set_label(key: str) -> None:
    value = st.session_state[key]
    form.change(("labels",), None if value is None else [int(value)], seen=True)
