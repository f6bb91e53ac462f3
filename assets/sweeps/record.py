"""Record the examples of the pages Frontier and Comparison wall anew: `python assets/sweeps/record.py frontier|dishonest|wall`.

Run the default grid of the page first (its one button), and let it finish: the newest sweep of the store that asks
exactly that is recorded. `NAME.json` has the columns that the page needs, `NAME.npz` the pictures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gi_core.experiments.sweeps.choices import column  # noqa: E402
from gi_core.experiments.sweeps.table import records  # noqa: E402
from gi_core.jobs import sweeps  # noqa: E402
from gi_core.jobs.store import Store  # noqa: E402
from gi_core.metrics.registry import drawn  # noqa: E402
from gi_core.metrics.verdicts import of_result  # noqa: E402
from gi_core.settings.sweep import Sweep  # noqa: E402

ASKED = (
    "samples",
    "model_settings",
    "attack_settings",
    "client",
    "server",
    "defenses",
    "attack",
    "control",
    "adaptive",
    "seed",
)
FOUND = ("state", "seconds", "accuracy", "accuracy_std", "accuracy_seeds", "chance", "epsilon", "plausible", "error")
METRICS = dict.fromkeys((*drawn("frontier"), *drawn("wall")))
DIGITS, MOST_BYTES = 4, 300_000


def record(name: str, sweep: Sweep, folder: Path = HERE, store: Store | None = None) -> int:
    """Write both files; returns their bytes, at most 300 kB."""
    store = store or Store()
    ended = [j for j in store.jobs(kinds=("sweep",), limit=200) if j.cache_key == sweep.key() and j.state == "done"]
    if not ended:
        raise SystemExit("error: no finished sweep of this store asks the default grid: run it on its page first")
    entries, rows = sweeps.members(store, ended[0].id), records(store, ended[0].id)
    for entry, row in zip(entries, rows, strict=True):
        result = entry.job.run_result if entry.job else None
        row["verdict"] = of_result(result).label if result else ""
    keep = ["position", *map(column, sweep.axes), *ASKED, *FOUND, *METRICS, "person", "machine", "verdict"]
    table = {n: [_short(row[n]) for row in rows] for n in keep}
    document = {n: values[0] if len(set(values)) == 1 else values for n, values in table.items()}
    (folder / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    np.savez_compressed(folder / f"{name}.npz", **_pictures(store, entries))
    size = sum((folder / f"{name}.{end}").stat().st_size for end in ("json", "npz"))
    if size > MOST_BYTES:
        raise SystemExit(f"error: the recording has {size} bytes, {MOST_BYTES} at most: take smaller pictures")
    return size


def _short(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _pictures(store: Store, entries: list[sweeps.Entry]) -> dict[str, np.ndarray]:
    """positions: of the experiments that have a picture. answers: those, of the best trial. originals: one each."""
    found: list[tuple[int, np.ndarray, np.ndarray]] = []
    for entry in entries:
        kept = store.snapshots(entry.job.id) if entry.job else []
        if kept:
            best = entry.job.result["trials_summary"]["best"]["trial"]
            images, truth = store.snapshot(entry.job.id, kept[-1]), store.originals(entry.job.id)
            found.append((entry.position + 1, images[min(best, len(images) - 1)][0], truth[0]))
    positions, answers, originals = zip(*found, strict=True)
    return {"positions": np.array(positions), "answers": np.stack(answers), "originals": np.stack(originals)}


def _default(name: str) -> Sweep:
    from pages.frontier import question as frontier
    from pages.wall import question as wall

    return {"frontier": frontier.first, "dishonest": frontier.second, "wall": wall.first}[name]()


if __name__ == "__main__":
    if sys.argv[1:] not in (["frontier"], ["dishonest"], ["wall"]):
        raise SystemExit(__doc__)
    print(f"{record(sys.argv[1], _default(sys.argv[1]))} bytes")
