"""What the command line costs around an attack: CPU seconds of `python -m gi_core attack`, less those of its loop.

Five runs after one that warms the caches, each beside a process that only imports torch, which no run can do without.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ATTACK = [
    "-m", "gi_core", "attack", "--sample", "bundled/astronaut", "--model", "lenet", "--attack",
    "inverting_gradients:iterations=20", "--json",
]  # fmt: skip


def command(repeats: int = 5) -> Iterator[dict]:
    """One row: medians."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "GI_HOME": home, "OMP_NUM_THREADS": "1"}
        pairs = [(_cost(ATTACK, environment), _cost(["-c", "import torch"], environment)) for _ in range(repeats + 1)]
    pairs = pairs[1:]
    outside = [spent - json.loads(text)["seconds"] for (spent, text), _ in pairs]
    torch_alone = [spent for _, (spent, _) in pairs]
    yield {
        "attack": ATTACK[-2], "cpu_seconds_outside_the_loop": statistics.median(outside),
        "import_torch_alone": statistics.median(torch_alone),
        "times_import_torch": statistics.median(a / b for a, b in zip(outside, torch_alone, strict=True)),
    }  # fmt: skip


def _cost(arguments: list[str], environment: dict[str, str]) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout
