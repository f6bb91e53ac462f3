"""What a client notices of a network: scores of honest ones, fresh, trained and trained on, and of ones that ask for pictures.

`python -m benchmarks.inspection` prints a row for each kind; how noticing goes against what comes back is `python -m benchmarks.stealth`.
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
from gi_core.settings.graph import Shape
from gi_core.settings.servers import Imprint, Trap

FRESH = (
    "lenet", "lenet:init=uniform", "convnet", "convnet:width=16,depth=4", "resnet20", "resnet18", "mlp", "mlp:depth=3", "linear",
    "vit", "vit:depth=2,hidden=64", "mobilenet_v2", "densenet121", "cnn6_d:logits=classes,bias=true",
)  # fmt: skip
TRAINED = ("lenet", "convnet:width=16,depth=4", "resnet20", "mlp", "linear", "vit:depth=2,hidden=64")
CLASSES, SHAPE = 11, (3, 32, 32)
KINDS = ("honest fresh", "honest trained", "fishing", "imprint", "imprint, softness 0.1", "trap", "trap, softness 0.1")
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


def trapping() -> Iterator[tuple[nn.Module, Shape, Trap, tuple[tuple[float, ...], tuple[float, ...]]]]:
    """Fresh networks that begin with a dense layer, by width, depth, pictures, normalisation, and what a unit lets through."""
    for text in ("mlp:hidden=64", "mlp:hidden=256,depth=4", "mlp:hidden=1024"):
        for shape in ((1, 28, 28), SHAPE):
            for through in (0.02, 0.05, 0.1, 0.2):
                for middle, spread in ((0.0, 1.0), (0.5, 0.25)):
                    model = build(parse_component("model", f"{text},classes={CLASSES}"), shape, CLASSES)
                    normal = ((middle,) * shape[0], (spread,) * shape[0])
                    for softness in (0.0, 0.1):
                        yield model, shape, Trap(through=through, softness=softness), normal


def _trained(text: str, epochs: int, rate: float) -> nn.Module:
    model = parse_component("model", text).model_dump(mode="json")
    weights = {"kind": "trained", "epochs": epochs, "learning_rate": rate, "data": "bundled"}
    experiment = asked(
        {"samples": ["bundled/astronaut"], "size": 32, "channels": 3, "model": model, "weights": weights}
    )
    return preparing.prepare(experiment, data.load(experiment))[0]


def inspection() -> Iterator[dict]:
    """Honest networks, and each of them as it fishes and behind four bins, the fewest there are."""
    kinds: dict[str, list[float]] = {name: [] for name in KINDS}
    named, rows = 0, []
    for name, model in honest():
        found = check(model)
        kinds["honest " + name.partition(" ")[0]].append(found["score"])
        rows.append({one["check"]: one["value"] for one in found["noticed"]})
        if found["suspicious"]:
            print("FALSE ALARM", name, found["sentence"], flush=True)
        for softness, kind in ((0.0, "imprint"), (0.1, "imprint, softness 0.1")):
            whole = imprinted(model, Imprint(bins=4, softness=softness), SHAPE, NONE, ONE)
            kinds[kind].append(check(whole)["score"])
        if first_dense(model, 3 * 32 * 32) is not None:
            kinds["trap"].append(check(trapped(model, Trap(), SHAPE, NONE, ONE))["score"])
            kinds["trap, softness 0.1"].append(check(trapped(model, Trap(softness=0.1), SHAPE, NONE, ONE))["score"])
        try:
            fished = check(fishing(model, 3, 25.0))
        except ValueError:
            continue
        kinds["fishing"].append(fished["score"])
        named += fished["of_class"] == 3
    for model, shape, settings, normal in trapping():
        scores = kinds["trap, softness 0.1" if settings.softness else "trap"]
        scores.append(check(trapped(model, settings, shape, *normal))["score"])
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
