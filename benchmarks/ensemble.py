"""The ensemble beside every single attack at its default settings, all with the same budget, on 40 experiments.

`python -m benchmarks.ensemble [SEED [CELLS]]` runs the cells that `results/ensemble_SEED.json` lacks and prints the table; seed 18 is the
held grid, others were for tuning. The cells follow a rule alone: networks by turns, the rest drawn by the seed.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NETWORKS: tuple[tuple[dict[str, Any], dict[str, Any], int], ...] = (
    ({"kind": "lenet", "init": "uniform"}, {"size": 16}, 600),
    ({"kind": "mlp", "hidden": 64}, {"size": 16}, 600),
    ({"kind": "cnn6_d", "logits": "classes", "bias": True}, {"size": 16}, 150),
    ({"kind": "vit", "hidden": 96, "heads": 3, "depth": 2, "patch": 4}, {"size": 16, "channels": 3}, 150),
    ({"kind": "resnet20"}, {"size": 16}, 80),
    ({"kind": "convnet", "width": 16, "depth": 3}, {"size": 16}, 200),
    ({"kind": "lenet", "init": "uniform", "activation": "relu"}, {"size": 16}, 600),
    ({"kind": "resnet18", "stem": "cifar"}, {"size": 32, "channels": 3}, 6),
)
"""Network, pictures, and budget in gradients of the network."""
TRAINED = {"kind": "trained", "epochs": 10, "data": "faces"}
DEFENSES: tuple[tuple[dict[str, Any], ...], ...] = (
    (), (), (), ({"kind": "gaussian_noise", "std": 1e-3},), ({"kind": "pruning", "fraction": 0.5},), ({"kind": "half_precision"},),
    ({"kind": "clipping", "norm": 0.1},),
)  # fmt: skip
BATCHES, STEPS = (1, 1, 2, 4), (1, 1, 1, 3)
CELLS, HELD = 40, 18
TOLERANCE = 1.0
"""dB by which the ensemble may be below the best single attack and count as no worse. From `EXACT` on both are exact, and below
`ANY` both are nothing: differences there do not count."""
EXACT, ANY = 40.0, 18.0
"""PSNR in dB of the measured verdict: `metrics.words` calls a picture exact from the one (MSE below 1e-4), and from the other, where
nothing else is measured, seen."""
RESULTS = Path(__file__).parent / "results"


def cells(seed: int, count: int = CELLS) -> Iterator[tuple[dict[str, Any], int]]:
    """(experiment, budget) of each cell."""
    draws = random.Random(seed)
    for i in range(count):
        model, pictures, budget = NETWORKS[i % len(NETWORKS)]
        batch, steps = draws.choice(BATCHES), draws.choice(STEPS)
        asked: dict[str, Any] = {
            **pictures, "model": model, "samples": [f"bundled/faces:{draws.randrange(200)}" for _ in range(batch)],
            "weights": draws.choice((TRAINED, {"kind": "fresh"})), "defenses": list(draws.choice(DEFENSES)),
        }  # fmt: skip
        if steps > 1:
            asked["client"] = {"kind": "fedavg", "epochs": steps, "learning_rate": 0.01}
        yield asked, budget


def measured(psnr: list[float]) -> str:
    """The verdict by the private pictures: of the mean, exact where each is."""
    mean = sum(psnr) / len(psnr)
    return "exact" if min(psnr) >= EXACT else "partial" if mean >= ANY else "nothing"


def one(asked: dict[str, Any], budget: int) -> dict[str, Any]:
    """Every attack on one experiment."""
    import torch

    from gi_core.experiments.setup import ask
    from gi_core.settings import ATTACKS, build, problems

    torch.set_num_threads(1)
    began = time.process_time()
    row: dict[str, Any] = {"experiment": asked, "budget": budget, "singles": {}}
    question = ask(build(asked), torch.device("cpu"), lambda fraction, text: None)
    if not question.norm > 1e-9:
        return {**row, "no_signal": question.norm}
    for kind, cls in ATTACKS.items():
        labels = cls.model_fields["labels"].default
        choices = [labels, "auto"] if kind != "auto" and labels != "infer" else [labels]
        for chosen in choices:
            settings = {"kind": kind, "labels": chosen}
            experiment = build({**asked, "attack": settings})
            refusals = [p.reason for p in problems(experiment) if p.fatal]
            found = {"refused": refusals[0]} if refusals else _run(question, experiment.attack, budget)
            if "refused" not in found:
                break
        if kind == "auto":
            row["auto"] = found
        else:
            row["singles"][kind] = found
    row["cpu"] = time.process_time() - began
    return row


def _run(question: Any, settings: Any, budget: int) -> dict[str, Any]:
    import torch

    from gi_core import attacks, metrics
    from gi_core.attacks.base import Refused
    from gi_core.common.errors import SpecError
    from gi_core.settings.attacks import ClosedForm
    from gi_core.settings.plan import Plan

    update, knowledge, began = question.round.update, question.round.knowledge, time.process_time()
    if settings.kind == "auto":
        settings = settings.model_copy(update={"iterations": budget})
    elif not isinstance(settings, ClosedForm):
        if settings.kind != "levenberg_marquardt":  # which counts its own, below
            each = 30.0 if settings.kind in ("dlg", "idlg") else settings.trials
            settings = settings.model_copy(update={"iterations": min(settings.iterations, max(1, int(budget / each)))})
    try:
        plan = Plan(onednn=False, chunk=settings.trials)
        machine = attacks.make(settings, update, knowledge, plan=plan, device=torch.device("cpu"))
        state, step = machine.init(0), None
        while step is None or not (step.done or (hasattr(machine, "cost") and machine.cost(state) >= budget)):
            state, step = machine.step(state)
    except (Refused, SpecError) as refusal:
        return {"refused": str(refusal)}
    images, labels = machine.answer(state)
    judged = metrics.evaluate(
        images.detach().cpu().double().numpy(), question.pictures.images, question.pictures.labels, labels.cpu().numpy()
    )  # fmt: skip
    psnr = [e.get("psnr") or 0.0 for e in judged["per_image"]]
    found: dict[str, Any] = {"psnr": psnr, "mean": sum(psnr) / len(psnr), "seconds": time.process_time() - began}
    if settings.kind == "auto":
        found |= machine.knows(state)
        best, evidence = state["best"], machine.evidence
        found["evidence"] = {
            "residual": best["residual"], "floor": evidence.floor, "noise": machine.reading.noise, "tolerance": evidence.tolerance,
        }  # fmt: skip
    return found


def compared(row: dict[str, Any]) -> dict[str, Any] | None:
    """A cell in one line; None where there was no signal."""
    if "auto" not in row or "mean" not in row["auto"]:
        return None
    ended = {kind: one for kind, one in row["singles"].items() if "mean" in one}
    best = max(ended, key=lambda kind: ended[kind]["mean"])
    own, other = (max(ANY, min(x, EXACT)) for x in (row["auto"]["mean"], ended[best]["mean"]))
    asked = row["experiment"]
    return {
        "network": asked["model"]["kind"] + ("*" if asked["weights"]["kind"] == "trained" else ""),
        "batch": len(asked["samples"]), "steps": asked.get("client", {}).get("epochs", 1),
        "defense": asked["defenses"][0]["kind"] if asked["defenses"] else "none",
        "best": best, "its": ended[best]["mean"], "auto": row["auto"]["mean"],
        "by": next((t["kind"] for t in reversed(row["auto"]["tried"]) if t["best"]), ""),
        "worse": own < other - TOLERANCE, "says": row["auto"]["verdict"], "is": measured(row["auto"]["psnr"]),
        "seconds": row["auto"]["seconds"],
    }  # fmt: skip


def main(seed: int = HELD, count: int = CELLS) -> None:
    kept = RESULTS / f"ensemble_{seed}.json"
    rows: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    lines, dear = [], len(NETWORKS) - 1  # the largest network last, as it takes as long as all others
    for i, (asked, budget) in sorted(enumerate(cells(seed, count)), key=lambda cell: cell[0] % len(NETWORKS) == dear):
        if str(i) not in rows:
            rows[str(i)] = one(asked, budget)
            kept.write_text(json.dumps(rows))
        line = compared(rows[str(i)])
        lines += [] if line is None else [line]
        words = (f"{k}={v:.1f}" if isinstance(v, float) else f"{k}={v}" for k, v in (line or {}).items())
        print(i, "no signal" if line is None else "  ".join(words), flush=True)
    right = sum(line["says"] == line["is"] for line in lines)
    print(f"{len(lines)} cells: worse in {sum(line['worse'] for line in lines)}, its verdict right in {right}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
