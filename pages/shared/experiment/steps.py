"""The numbered steps of a form, and three of them: the network, what leaves the client, the attack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import streamlit as st

from gi_core.settings import ATTACKS, EVERY_MODEL, Component, SpecError
from gi_core.settings.attack_base import AttackSettings
from gi_core.settings.client import FromFile, Trained
from pages.shared import form, telling, words
from pages.shared.experiment import about, adapting, fields, offered, pairs, possible, switchboard, uploads
from pages.shared.experiment.defenses import view as defenses
from pages.shared.experiment.knowing_pair import KNOWING
from pages.shared.rank import summary

_WEIGHTS = {
    "fresh": ("Fresh", "As initialised: the first round of training."),
    "trained": ("Trained here", "Trained on this data first, then attacked; kept for next time."),
    "file": ("From a file", "Your own .safetensors or .pt weights for this network."),
    "imagenet": ("ImageNet", "The published ImageNet weights of this network."),
}


def draw(parts: Iterable[tuple[str, str, Callable[[], None]]], place: str = "step") -> None:
    """Steps, each (title, aside, what draws it). place: of the keys of their containers."""
    with st.container(key="steps", gap="small"):
        for number, (title, aside, body) in enumerate(parts, 1):
            heading(number, title, aside)
            with st.container(key=f"{place}_{number}", gap="xsmall"):
                body()


def heading(number: int, title: str, aside: str) -> None:
    """Draw the heading of one step."""
    st.html(f'<h3 class="gi-step"><i>{number}</i> {title} <small>{aside}</small></h3>')


def network() -> None:
    """Model and weights."""
    choice("Network", "model", EVERY_MODEL, adapting.network, offered.kinds(form.current().model))
    model = form.current().model
    if offered.own(model):
        return
    st.html(about.part(model))
    summary.draw(form.current())
    fields.settings(model, ("model",))
    kinds = [k for k in _WEIGHTS if k != "imagenet" or model.pretrained]
    now = form.current().weights
    chosen = now.kind if now.kind in kinds else "fresh"
    chosen = "file" if form.awaits() else chosen
    key = form.key("weights", chosen)
    wanted = st.segmented_control(
        "Weights", kinds, default=chosen, required=True, key=key,
        format_func=lambda k: _WEIGHTS[k][0], on_change=form.report, args=(key, _weights, key),
    )  # fmt: skip
    st.html(f'<p class="gi-about">{_WEIGHTS[wanted][1]}</p>')
    if wanted == "file":
        _weights_file()
    elif isinstance(now, Trained):
        fields.settings(now, ("weights",), "More training settings")


def client() -> None:
    """What the client sends and the server knows, and what the client does so that less leaks."""
    switchboard.draw()
    st.html('<h4 class="gi-sub">What it does against that <small>so that less leaks</small></h4>')
    defenses.draw(lab=True)
    now = form.current()
    if now.defenses and now.recorded is None:
        pairs.button(now, KNOWING)


def attack() -> None:
    """The attack, its seed, and where it runs; attacks that the other steps rule out say so, with the reason."""
    now = form.current()
    key = form.key("attack", now.attack.kind)
    ruled_out = possible.reasons(now)
    options = sorted(ATTACKS, key=lambda kind: kind in ruled_out)
    st.selectbox(
        "Attack", options, options.index(now.attack.kind), key=key, label_visibility="collapsed",
        format_func=lambda k: possible.name(k, ruled_out), on_change=form.report, args=(key, _attack, key),
    )  # fmt: skip
    possible.draw(ruled_out)
    st.html(about.part(now.attack))
    _published(now.attack)
    fields.settings(now.attack, ("attack",), "More attack settings")
    with st.expander("Seed, time limit, device", type="compact", key="fold.run"):
        fields.widgets(now, (), ["seed", "seconds", "device"])


def _published(attack: AttackSettings) -> None:
    """Sets of values by name, such as those of a publication; the one that stands in the form is shown."""
    if not attack.presets:
        return
    fit = [n for n, v in attack.presets.items() if all(getattr(attack, k) == one for k, one in v.items())]
    now = max(fit, key=lambda n: len(attack.presets[n]), default=None)
    key = form.key(f"preset.{attack.kind}", now)
    st.selectbox(
        "Settings as in", list(attack.presets), list(attack.presets).index(now) if now else None, key=key,
        placeholder="your own", format_func=lambda n: n.replace("_", " ").capitalize(), on_change=form.report,
        args=(key, _preset, key, attack), help="Fills in values by name: published configurations, and those of known programs.",
    )  # fmt: skip


def _preset(key: str, attack: AttackSettings) -> None:
    name = st.session_state[key]
    known = {"adaptive": attack.adaptive}
    form.change(("attack",), {"kind": attack.kind, **known, **(attack.presets[name] if name else {})})
    adapting.labels()


def _attack(key: str) -> None:
    kind = st.session_state[key]
    form.choose("attack", kind, possible.fitting(form.current(), kind), over=("adaptive",))
    adapting.labels()


def choice(
    label: str, family: str, known: Mapping[str, type[Component]], follow: Callable[[], None] = lambda: None,
    options: list[str] | None = None,
) -> None:  # fmt: skip
    """Which kind of this family. follow: what adapts other settings to it. options: of those known, all when left out."""
    options, now = options or list(known), getattr(form.current(), family).kind
    key = form.key(family, now)
    st.selectbox(
        label, options, options.index(now), key=key, format_func=lambda k: known[k].title, label_visibility="collapsed",
        on_change=form.report, args=(key, _part, family, key, follow),
    )  # fmt: skip


def _part(family: str, key: str, follow: Callable[[], None]) -> None:
    form.choose(family, st.session_state[key])
    follow()


def _weights(key: str) -> None:
    """`file` is chosen once a file is there; until then nothing can be run."""
    if st.session_state[key] != "file":
        form.choose("weights", st.session_state[key])
    elif not isinstance(form.current().weights, FromFile):
        form.wait("Give the file of weights in step 2, or choose other weights")


def _weights_file() -> None:
    now = form.current().weights
    file = st.file_uploader(
        "Weights", type=["safetensors", "pt", "pth"], key="weights_file", label_visibility="collapsed",
        max_upload_size=uploads.MOST_BYTES // 2**20,
    )  # fmt: skip
    if file is not None and st.session_state.get("weights_taken") != file.file_id:
        st.session_state["weights_taken"] = file.file_id
        try:
            kept = uploads.keep_weights(file.getvalue())
            form.choose("weights", "fresh")
            form.change(("weights",), {"kind": "file", "path": kept})
        except SpecError as error:
            telling.error(error)
            return
        st.rerun(scope="fragment")
    if isinstance(now, FromFile):
        st.caption(f"Using the file {words.plain(now.path.removeprefix('upload:')[:12])}…")
