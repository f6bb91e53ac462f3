"""Documents as workers write them, and a drawing of each kind, for the tests of figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.analysis import frontier
from gi_core.analysis.rank import count
from gi_core.analysis.stealth import measured
from gi_core.experiments.sweeps.answers import answer
from gi_core.experiments.sweeps.choices import Choice
from gi_core.figures import Drawing, drawing
from gi_core.jobs.job import Point
from gi_core.numerics.spectrum import Spectrum
from gi_core.settings import build
from gi_core.settings.drawings import drawing as graph

ROOT = Path(__file__).resolve().parents[2]
SIDE = 8
RECORDED = json.loads((ROOT / "assets/example/run.json").read_text())
ASKED, RESULT = RECORDED["job"]["spec"], RECORDED["job"]["result"]
POINTS = [Point(**point) for point in RECORDED["curve"]]
CHOICE = Choice("epochs", "psnr", "model")


def rows(name: str) -> list[dict[str, Any]]:
    """A recorded sweep's table."""
    table = json.loads((ROOT / f"assets/sweeps/{name}.json").read_text())
    return [
        {column: v[k] if isinstance(v, list) else v for column, v in table.items()} | {"run_id": str(k)}
        for k in range(len(table["position"]))
    ]


def training() -> list[dict[str, Any]]:
    """The table of a sweep over epochs and two networks, four runs each."""
    draw = np.random.default_rng(0)
    cells = [(m, e, s) for m in ("lenet", "resnet20") for e in (0, 1, 2, 5, 10, 20) for s in range(4)]
    return [
        {
            "position": k + 1, "state": "done", "epochs": e, "model": m, "defenses": "none", "seed": s, "attack": "dlg",
            "psnr": 30 - 1.1 * e - 4 * (m == "lenet") + draw.normal(), "run_id": str(k),
        }
        for k, (m, e, s) in enumerate(cells)
    ]  # fmt: skip


def analysed(ref: str = "bundled/astronaut", scale: float = 1.0, exact: bool = True) -> dict[str, Any]:
    """A picture's part of an influence analysis."""
    d, sigmas = SIDE * SIDE, np.logspace(-9, 1, 81)
    known = Spectrum(
        np.logspace(-6, 0, d) * scale, np.ones(d), np.ones((1, d)), (1.0,), exact, 0.6, 8714, 0.0 if exact else 0.3
    )
    errors = [known.expected(float(s)) for s in sigmas]
    return {
        "sample": ref, "label": 0, "class_name": "face", "key": "0" * 24, "exact": exact, "gradient_norm": 0.6,
        "eigenvalue_max": known.largest, "eigenvalue_min": known.smallest, "spectrum": known.to_json(),
        "curve": {"noise_std": sigmas.tolist(), "rmse": [e.pixels for e in errors], "rmse_with_prior": [e.pixels_with_prior for e in errors]},
    }  # fmt: skip


INFLUENCE = {"model": "lenet", "shape": [1, SIDE, SIDE], "samples": [analysed(), {"sample": "b", "error": "too large"}]}


def federation(rounds: int = 5) -> dict[str, Any]:
    """The result of a federation that attacked two clients, one of them with several pictures."""
    entries = [
        {
            "round": k, "accuracy": 0.5 + 0.08 * k, "loss": 0.7 - 0.1 * k,
            "clients": [
                {"client": c, "measure": "rdlv", "rdlv_mean": 0.5 * c - 0.2 * k, "rdlv_low": 0.5 * c - 0.2 * k - half, "rdlv_high": 0.5 * c - 0.2 * k + half, "exposure": {"rounds": k, "rank": min(256, 60 * k * (c - 3)), "directions": 256, "expected_error": 0.1 / k, "exact": k * (c - 3) > 4}}
                for c, half in ((4, 0.3), (5, 0.0))
            ],
        }
        for k in range(1, rounds + 1)
    ]  # fmt: skip
    return {"start": {"accuracy": 0.5, "loss": 0.7}, "rounds": entries}


def report(kind: str = "cnn6", **model: Any) -> Any:
    """The rank report of a network."""
    experiment = build({"samples": ["bundled/astronaut"], "size": 32, "model": {"kind": kind, **model}})
    return count(graph(experiment.model, (3, 32, 32), 10), experiment.model.name)


def layers() -> list[dict[str, Any]]:
    """Tensors of a recorded update."""
    sizes = (
        ("features.conv0", 0.5, 12.0),
        ("features.norm0", 0.0, 1.0),
        ("a_long_path.of.modules.conv1", 3e-4, 9.0),
        ("fc", 2.0, 4.0),
    )
    return [
        {"name": f"{name}.{part}", "file_name": name, "shape": [2, 2], "values": 4, "norm": norm, "relative": norm / before, "buffer": False}
        for name, norm, before in sizes
        for part in ("weight", "bias")
    ]  # fmt: skip


def drawings() -> dict[str, Drawing]:
    """One of each in the registry, with something in it."""
    one, table = analysed(), training()
    named = {"a cat on a chair by the window.png": 0.01, "<b>bold</b> & co": 0.03, "face 3": 0.2}
    wall, found = rows("wall"), [p for p in frontier.points(rows("frontier"), "psnr") if p.complete]
    return {
        "losses": drawing("losses", {"run": POINTS}),
        "likeness": drawing("likeness", {"run": POINTS}),
        "residuals": drawing("residuals", RESULT["attacker"]["residuals"]),
        "curve": drawing("curve", one, 1e-3, 0.05),
        "spectrum": drawing("spectrum", one, None, 12),
        "singular_values": drawing("singular_values", one),
        "classes": drawing("classes", {"face": list(named.items()), "no face": [("x", 0.001), ("y", 0.5)]}),
        "inits": drawing("inits", {"uniform": (0.001, 0.0009), "default": (0.02, 0.02), "xavier": (40.0, 0.29), "kaiming": (0.5, 0.2)}),
        "epochs": drawing("epochs", ["0", "1", "2", "5", "10"], {"error per pixel": [1e-3, 2e-3, 0.1, 3.0, 40.0], "with a prior": [1e-3, 2e-3, 0.09, 0.28, 0.3], "gradient norm": [2.0, 1.0, 0.1, 0.01, 0.001]}),
        "calibration": drawing("calibration", [("a run", 0.01, 0.011, False), ("another", 0.1, 0.3, False), ("mine", 0.002, 0.0021, True)]),
        "rank": drawing("rank", report().to_json()),
        "sweep": drawing("sweep", table, CHOICE, answer(table, CHOICE).trends),
        "frontier": drawing("frontier", found),
        "wall": drawing("wall", wall),
        "accuracy": drawing("accuracy", federation()),
        "leakage": drawing("leakage", federation()),
        "exposure": drawing("exposure", federation()),
        "norms": drawing("norms", layers()),
        "stealth": drawing("stealth", measured()),
    }  # fmt: skip
