"""`gi.check_deployment`: what a server can read back in a deployment that answers describe."""

from __future__ import annotations

from typing import Any

from gi_core.cli.check_deployment import document, measure
from gi_core.cli.progress import Bar
from gi_core.common.errors import SpecError
from gi_core.deployment import deployment


def check_deployment(workers: int | None = None, **answers: str) -> dict[str, Any]:
    """Run the strongest attacks that apply to a deployment, as `python -m gi_core check-deployment` does (docs/deployment.md).

    answers: `network`, `size`, `pictures`, `steps`, `shared`, `together`, `protection`, `server`, each a value of the command's
    option of that name; what is left out is not known, and taken as it leaks most.
    workers: as many as the machine carries when left out.

    Returns a dictionary: `level` (exposed, partly, protected or unknown), `exposure`, `finding`, `advice`, `limits`, `answers` and
    `cases`, one for each threat and measure with `updates`, `seen`, `interval` (95 %) and `best_run`. Raises SpecError, one sentence.
    """
    asked, bar = deployment(answers), Bar()
    try:
        found, _, note = measure(bar, asked, workers)
    finally:
        bar.close()
    if found is None:
        raise SpecError(note)
    return document(asked, found)
