"""Record a finished run of the store as the example: `python assets/example/record.py RUN_ID`."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gi_core.jobs.store import Store  # noqa: E402

FRAMES, POINTS, MOST_BYTES = 24, 300, 400_000


def record(run: str, folder: Path = HERE, store: Store | None = None) -> int:
    """Write `run.json` and `pictures.npz` of the best trial; returns their bytes, at most 400 kB."""
    store = store or Store()
    job = store.job(run)
    if job is None or job.state != "done" or job.result is None:
        raise SystemExit(f"error: {run} is not a finished run of this store")
    best = int(job.result["trials_summary"]["best"]["trial"])
    kept = store.snapshots(run)
    places = np.unique(np.round((len(kept) - 1) * np.linspace(0, 1, FRAMES) ** 1.4).astype(int))
    at = [kept[k] for k in places]
    images = np.stack([store.snapshot(run, k)[best : best + 1] for k in at])
    curve = store.curve(run)
    step = -(-len(curve) // POINTS)
    points = [p for k, p in enumerate(curve) if k % step == 0 or p.psnr is not None or k == len(curve) - 1]
    document = {
        "job": {**dataclasses.asdict(job), "owner": "", "parent": None, "cache_key": None, "pinned": False},
        "curve": [{**dataclasses.asdict(p), "trial_losses": []} for p in points],
    }
    document["job"]["progress"].pop("worker_pid", None)
    document["job"]["result"].pop("out", None)
    (folder / "run.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    np.savez_compressed(
        folder / "pictures.npz", snapshots=images, iterations=np.array(at), originals=store.originals(run)
    )
    size = sum((folder / name).stat().st_size for name in ("run.json", "pictures.npz"))
    if size > MOST_BYTES:
        raise SystemExit(f"error: the recording has {size} bytes, {MOST_BYTES} at most: take a smaller picture")
    return size


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(f"{record(sys.argv[1])} bytes")
