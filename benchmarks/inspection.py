"""What a client notices of a network: scores of honest ones, fresh, trained and trained on, and of ones that ask for pictures.

`python -m benchmarks.inspection` prints a row for each kind; how noticing goes against what comes back is `python -m benchmarks.fishing stealth`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import torch
from torch import nn

from gi_core import data
from gi_core.analysis.model_check import check
from gi_core.experiments import preparing
from gi_core.networks.building import build
from gi_core.networks.fishing import fishing
from gi_core.networks.imprint import imprinted
from gi_core.networks.trap import first_dense, trapped
from gi_core.settings import build as asked
from gi_core.settings import parse_component
from gi_core.settings.servers import Imprint, Trap

FRESH = (
    "lenet", "lenet:init=uniform", "convnet", "convnet:width=16,depth=4", "resnet20", "resnet18", "mlp", "mlp:depth=3", "linear",
    "vit", "vit:depth=2,hidden=64", "mobilenet_v2", "densenet121", "cnn6_d:logits=classes,bias=true",
)  # fmt: skip
TRAINED = ("lenet", "convnet:width=16,depth=4", "resnet20", "mlp", "linear", "vit:depth=2,hidden=64")
CLASSES, SHAPE = 11, (3, 32, 32)
NONE, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
"""Of the normalisation."""


def honest() -> Iterator[tuple[str, nn.Module]]:
    """Fifty networks and more: fresh ones of two seeds, trained ones after few and many epochs of two learning rates."""
    for text in FRESH:
        for seed in (0, 1):
            torch.manual_seed(seed)
            model = parse_component("model", text + ("," if ":" in text else ":") + f"seed={seed},classes={CLASSES}")
            yield f"fresh {text}", build(model, SHAPE, CLASSES)
    for text in TRAINED:
        for epochs, rate in ((1, 3e-3), (1, 3e-4), (4, 1e-3), (4, 1e-2)):
            yield f"trained {text}, {epochs} epochs at {rate}", _trained(text, epochs, rate)


def _trained(text: str, epochs: int, rate: float) -> nn.Module:
    model = parse_component("model", text).model_dump(mode="json")
    weights = {"kind": "trained", "epochs": epochs, "learning_rate": rate, "data": "bundled"}
    experiment = asked(
        {"samples": ["bundled/astronaut"], "size": 32, "channels": 3, "model": model, "weights": weights}
    )
    return preparing.prepare(experiment, data.load(experiment))[0]


def inspection() -> Iterator[dict]:
    """Honest networks, and each of them as it fishes and behind four bins, the fewest there are."""
    kinds: dict[str, list[float]] = {"honest fresh": [], "honest trained": [], "fishing": [], "imprint": [], "trap": []}
    named, rows = 0, []
    for name, model in honest():
        found = check(model)
        kinds["honest " + name.partition(" ")[0]].append(found["score"])
        rows.append({one["check"]: one["value"] for one in found["noticed"]})
        if found["suspicious"]:
            print("FALSE ALARM", name, found["sentence"], flush=True)
        kinds["imprint"].append(check(imprinted(model, Imprint(bins=4), SHAPE, NONE, ONE))["score"])
        if first_dense(model, 3 * 32 * 32) is not None:
            kinds["trap"].append(check(trapped(model, Trap(), SHAPE, NONE, ONE))["score"])
        try:
            fished = check(fishing(model, 3, 25.0))
        except ValueError:
            continue
        kinds["fishing"].append(fished["score"])
        named += fished["of_class"] == 3
    for kind, scores in kinds.items():
        yield {
            "networks": kind, "count": len(scores), "least": min(scores), "median": statistics.median(scores), "most": max(scores),
            "noticed": sum(s >= 1 for s in scores), **({"class_named": named} if kind == "fishing" else {}),
        }  # fmt: skip
    for one in rows[0]:
        yield {"check": one, "most_of_honest": max(r[one] for r in rows)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for row in inspection():
        print(row, flush=True)
