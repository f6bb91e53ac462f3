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
    ("CNN6", "Every layer can be inverted: the picture comes back to the last bit of float32.", {"kind": "cnn6"}),
    ("CNN6-d", "The same with 20 channels in place of 36 in one layer: 280 equations are missing there.", {"kind": "cnn6_d"}),
    ("Dense network", "Three dense layers: each is inverted by a division.", {"kind": "fcn3"}),
    ("LeNet with ReLU", "A ReLU hides the units that it switched off; their equations are gone.", {"kind": "lenet", "activation": "relu"}),
    ("ResNet-20", "Global average pooling stops the recursion at once; that does not stop other attacks.", {"kind": "resnet20"}),
    ("Draw one", "Two convolutions to begin with: change them and watch the verdict.", {"kind": "custom", "layers": _CNN}),
)  # fmt: skip


def draw() -> None:
    """Draw buttons, each of which fills in a network and leaves the picture."""
    head.examples(EXAMPLES, _fill)


def _fill(model: dict[str, Any]) -> None:
    now = form.current().model_dump(mode="json")
    form.replace(build({**now, "model": model}))
