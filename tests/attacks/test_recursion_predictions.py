"""The verdict that counting gives before an attack, against what the attack then finds."""

from __future__ import annotations

from typing import Any

import numpy as np

from gi_core.analysis.rank import count
from gi_core.settings import SpecError
from gi_core.settings.custom import CustomNet
from gi_core.settings.layer_graphs import layer_graph
from tests.recovery import ask, recover

NETWORKS, LEAST, CLEAR = 100, 95, 40.0
ACTIVATIONS = ["leaky_relu", "leaky_relu", "sigmoid", "tanh", "elu", "softplus", "none"]
PICTURES = ["astronaut", "coffee", "rocket", "chelsea", "cell", "ihc"]


def draw(rng: np.random.Generator) -> tuple[CustomNet, tuple[int, int, int]]:
    """A network of one to three layers of every supported kind, and a picture's shape."""
    usual = str(rng.choice(ACTIVATIONS))
    rows: list[dict[str, Any]] = []
    for i in range(rng.integers(1, 4)):
        kind = rng.choice(["conv", "conv", "conv", "conv", "residual", "dense"]) if i else "conv"
        activation = usual if rng.random() < 0.7 else str(rng.choice(["leaky_relu", "tanh", "elu"]))
        common = {"kind": str(kind), "bias": bool(rng.random() < 0.5), "activation": activation, "slope": 0.2}
        if kind == "conv":
            rows.append({**common, **_convolution(rng)})
        elif kind == "residual":
            rows.append({**common, "channels": int(rng.choice([8, 16, 24])), "stride": int(rng.integers(1, 3))})
        else:
            rows.append({**common, "features": int(rng.choice([20, 60, 200]))})
            break
    _group(rng, rows)
    logits = "one" if rng.random() < 0.3 else "classes"
    side = int(rng.choice([8, 10, 12, 16]))
    model = CustomNet(layers=tuple(rows), logits=logits, bias=bool(rng.random() < 0.7))
    return model, (int(rng.choice([1, 3])), side, side)


def _convolution(rng: np.random.Generator) -> dict[str, Any]:
    kernel = int(rng.integers(1, 6))
    return {
        "kernel": kernel, "channels": int(rng.choice([4, 6, 8, 12, 16, 24])), "stride": int(rng.integers(1, 4)),
        "padding": int(rng.integers(0, kernel // 2 + 2)), "dilation": int(rng.choice([1, 1, 1, 2])),
        "batch_norm": bool(rng.random() < 0.2),
    }  # fmt: skip


def _group(rng: np.random.Generator, rows: list[dict[str, Any]]) -> None:
    """Sometimes the second convolution in groups."""
    groups = int(rng.choice([2, 4]))
    if rng.random() < 0.2 and [row["kind"] for row in rows[:2]] == ["conv", "conv"]:
        if all(row["channels"] % groups == 0 for row in rows[:2]):
            rows[1]["groups"] = groups


def test_what_is_predicted_happens():
    """Exact means a picture of more than 40 dB; anything else, less: on at least 95 of 100 random networks."""
    agree, seen, surprises = 0, {"exact": 0, "other": 0}, []
    rng = np.random.default_rng(7)
    while sum(seen.values()) < NETWORKS:
        model, shape = draw(rng)
        try:
            report = count(layer_graph(model, shape, 10))
        except SpecError:
            continue  # the picture is too small for it
        if report.verdict == "unsupported":
            continue
        sample = f"bundled/{rng.choice(PICTURES)}"
        found = recover(ask(model.model_dump(mode="json"), samples=[sample], channels=shape[0], size=shape[1]))
        predicted = report.verdict == "exact"
        seen["exact" if predicted else "other"] += 1
        if predicted == (found.psnr[0] > CLEAR):
            agree += 1
        else:
            surprises.append((report.verdict, report.breaking, round(found.psnr[0], 1), found.step.note, model.layers))
    assert agree >= LEAST, surprises
    assert min(seen.values()) >= 20, "the draw must hold both kinds"
