"""Networks worth counting: a row of buttons."""

from __future__ import annotations

from typing import Any

from gi_core.settings import build
from pages.shared import form, head

_CNN = [
    {"kind": "conv", "channels": c, "kernel": 5, "stride": s, "padding": 2, "activation": "relu"}
    for c, s in ((12, 2), (12, 2))
]
EXAMPLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("CNN6", "Every layer can be inverted: the picture comes back to the last bit of float32.", {"model": {"kind": "cnn6"}}),
    ("CNN6-d", "The same with 20 channels in place of 36 in one layer: 280 equations are missing there.", {"model": {"kind": "cnn6_d"}}),
    ("Dense network", "Three dense layers: each is inverted by a division.", {"model": {"kind": "fcn3"}}),
    ("LeNet with ReLU", "A ReLU hides the units that it switched off; their equations are gone.", {"model": {"kind": "lenet", "activation": "relu"}}),
    ("ResNet-20", "Global average pooling stops the recursion at once; that does not stop other attacks.", {"model": {"kind": "resnet20"}}),
    ("ViT-B/32", "Attention stops no one: patches follow from the positions' gradient, up to four pictures at once.",
     {"model": {"kind": "vit", "patch": 32, "hidden": 768, "heads": 12, "depth": 12}, "size": 224}),
    ("Draw one", "Two convolutions to begin with: change them and watch the verdict.", {"model": {"kind": "custom", "layers": _CNN}}),
)  # fmt: skip


def draw() -> None:
    """Draw buttons, each of which fills in a network and leaves the picture; one of a usual size takes that."""
    head.examples(EXAMPLES, _fill)


def _fill(change: dict[str, Any]) -> None:
    now = form.current().model_dump(mode="json")
    form.replace(build({**now, **change}))
