"""Plausible runs written through the store, for tests of pages: no attack runs."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from gi_core.data import bundled
from gi_core.jobs.job import Point
from gi_core.jobs.processes import Processes
from gi_core.jobs.snapshots import Snapshots, write_array
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import Experiment, build

SIDE = 32


def original(name: str = "astronaut", side: int = SIDE) -> np.ndarray:
    """(side, side, 3) uint8 of a bundled picture."""
    image = Image.fromarray(bundled.picture(name)).convert("RGB")
    least = min(image.size)
    return np.asarray(image.crop((0, 0, least, least)).resize((side, side), Image.Resampling.LANCZOS))


def writer(store: Store) -> Writer:
    """A writer that is alive as long as this process."""
    return Writer(store, Processes(store.database).register("worker", "interactive"))


def run(
    store: Store, state: str = "done", *, trials: int = 3, snapshots: int = 24, iterations: int = 60,
    experiment: Experiment | None = None, title: str = "", error: str | None = None, seed: int = 0,
) -> str:  # fmt: skip
    """A run in the given state with curves and pictures that go from noise to the original."""
    asked = experiment or Experiment(size=SIDE)
    run_id = store.submit("run", asked.model_dump(mode="json"), title=title)
    if state != "queued":
        play(store, run_id, state, trials, snapshots, iterations, error, seed)
    return run_id


def play(
    store: Store, run_id: str, state: str, trials: int = 3, snapshots: int = 24, iterations: int = 60,
    error: str | None = None, seed: int = 0,
) -> Writer:  # fmt: skip
    """What a worker does with a run that waits, up to the given state; the writer that holds it."""
    out = writer(store)
    out.take(run_id)
    asked = build(store.job(run_id).spec)
    folder, rng = out.folder(run_id), np.random.default_rng(seed)
    count = len(asked.samples)
    names = ["astronaut", "chelsea", "coffee", "rocket"]
    truth = np.stack([original(names[k % 4]) for k in range(count)])
    write_array(folder / "originals.npy", truth)
    kept = [max(1, round(iterations * (k + 1) / snapshots)) for k in range(snapshots)]
    if state in ("running", "paused", "failed", "cancelled"):
        kept = kept[: snapshots // 2]
    noise = rng.integers(0, 256, (trials, *truth.shape))
    points = []
    for at in range(1, kept[-1] + 1):
        share = 1 - at / iterations
        error_scale = [share ** (2 + k) if k != 1 else 0.9 for k in range(trials)]
        losses = [10 ** (1 - 6 * (1 - e)) for e in error_scale]
        best = int(np.argmin(losses))
        point = {"psnr": None, "ssim": None}
        if at in kept:
            images = np.stack([truth * (1 - e) + noise[k] * e for k, e in enumerate(error_scale)])
            images = images.clip(0, 255).astype(np.uint8)
            Snapshots(folder).write(at, images)
            mse = float(((images[best] / 255.0 - truth / 255.0) ** 2).mean()) + 1e-6
            point = {"psnr": -10 * math.log10(mse), "ssim": 1 - error_scale[best]}
        terms = {"total": losses[best], "matching": losses[best] * 0.9, "total_variation": 0.02 + 0.1 * share}
        points.append(Point(at, at * 0.05, 0.1, terms, losses, best, **point))
    last = points[-1]
    residual = {f"{layer}.{part}": 10 ** (-k / 3) for k, (layer, part) in enumerate(_LAYERS)}
    out.record(run_id, {
        "stage": "attacking", "iteration": last.iteration, "iterations": iterations, "seconds": last.seconds,
        "per_second": 20.0, "seconds_left": (iterations - last.iteration) / 20, "residual": residual,
        "trial_losses": last.trial_losses, "best": last.best, "labels": [0],
    }, points)  # fmt: skip
    out.log(run_id, "the label was read as 0")
    if state == "paused":
        store.control(run_id, "pause")
        out.release(run_id)
    elif state in ("done", "failed", "cancelled"):
        out.finish(run_id, state, result(last, count) if state == "done" else None, error)
    return out


_LAYERS = [(f"body.{k}", part) for k in range(4) for part in ("weight", "bias")]


def result(last: Point, count: int = 1) -> dict:
    """The JSON object of a good end."""
    one = {"mse": 1e-5, "psnr": last.psnr, "ssim": 0.98, "iip_rank": 1, "iip_percentile": 100.0}
    return {
        "status": "done", "seconds": last.seconds, "iterations": last.iteration,
        "metrics": {**one, "lpips": None, "lpips_note": "run python -m gi_core fetch lpips", "iip_candidates": 200,
                    "label_accuracy": 1.0, "rmse_unclamped": 0.003},
        "per_image": [{**one, "index": k, "matched": k} for k in range(count)],
        "labels": {"true": [0], "recovered": [0], "accuracy": 1.0, "names": ["astronaut", "chelsea"]},
        "trials": [{"trial": k, "score": x, "mse": None, "psnr": None} for k, x in enumerate(last.trial_losses)],
        "trials_summary": {"best": {"trial": last.best, "score": last.trial_losses[last.best], "mse": 1e-5, "psnr": last.psnr}},
        "attacker": {"loss": last.losses["total"], "residual": 2e-4, "residuals": {}, "note": ""},
        "verdict": "exact: it cannot be told from the original, PSNR 60.0 dB, and finds it among 200 pictures, rank 1",
    }  # fmt: skip


def button(app, name: str):
    """A button by the first part of its key; the rest says what it was drawn beside."""
    found = [b for b in app.button if b.key and (b.key == name or b.key.startswith(name + "."))]
    assert len(found) == 1, [b.key for b in app.button]
    return found[0]
