"""Federations worth seeing: buttons that fill the form."""

from __future__ import annotations

from typing import Any

from gi_core.settings.federation import Federation, build_federation
from pages.federation.question import FIRST

_FIRST = FIRST.model_dump(mode="json")
_NORM = {
    "model": {"kind": "convnet", "width": 32, "depth": 2}, "attacked": [5],
    "client": {"learning_rate": 0.02, "batch_size": 8, "epochs": 3, "batch_norm": "train", "statistics": "shared"},
    "attack": {"kind": "fl_gradient_inversion", "iterations": 300, "labels": "known"},
}  # fmt: skip


def _with(**changes: Any) -> Federation:
    return build_federation({**_FIRST, **changes})


EXAMPLES: tuple[tuple[str, str, Federation], ...] = (
    ("One picture among many", "Four clients with more pictures and one with a single one, whose picture comes back in every round.", FIRST),
    ("With noise", "The same, but every client adds noise to what it sends: less comes back, and the network learns all the same.", _with(defenses=[{"kind": "gaussian_noise", "std": 0.003}])),
    ("Skewed classes", "Each client holds nearly one class only (Dirichlet, alpha 0.1): the global network learns more slowly.", _with(partition="dirichlet", alpha=0.1)),
    ("Batch norm shared", "A network with batch norm in train mode; clients send its running statistics too, which the attack reads.", _with(**_NORM)),
)  # fmt: skip
