"""Networks worth counting: a row of buttons."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import build
from pages.shared import form

_CNN = [
    {"kind": "conv", "channels": c, "kernel": 5, "stride": s, "padding": 2, "activation": "relu"}
    for c, s in ((12, 2), (12, 2))
]
EXAMPLES: tuple[tuple[str, str, dict], ...] = (
    ("CNN6", "Every layer can be inverted: the picture comes back to the last bit of float32.", {"kind": "cnn6"}),
    ("CNN6-d", "The same with 20 channels in place of 36 in one layer: 280 equations are missing there.", {"kind": "cnn6_d"}),
    ("Dense network", "Three dense layers: each is inverted by a division.", {"kind": "fcn3"}),
    ("LeNet with ReLU", "A ReLU hides the units that it switched off; their equations are gone.", {"kind": "lenet", "activation": "relu"}),
    ("ResNet-20", "Global average pooling stops the recursion at once; that does not stop other attacks.", {"kind": "resnet20"}),
    ("Draw one", "Two convolutions to begin with: change them and watch the verdict.", {"kind": "custom", "layers": _CNN}),
)  # fmt: skip


def draw() -> None:
    """Each button fills in the network and leaves the picture."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="presets"):
        st.markdown("**Worth seeing**", width="content")
        for number, (title, sentence, model) in enumerate(EXAMPLES):
            st.button(title, key=f"example_{number}", help=sentence, on_click=_fill, args=(model,))


def _fill(model: dict) -> None:
    now = form.current().model_dump(mode="json")
    form.replace(build({**now, "model": model}))
