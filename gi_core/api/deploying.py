"""`gi.check_deployment`: what a server can read back in a deployment that answers describe."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from gi_core.cli.check_deployment import described, document, measure
from gi_core.cli.progress import Bar
from gi_core.common.errors import SpecError


def check_deployment(
    workers: int | None = None, config: Sequence[str | PathLike[str]] | str | PathLike[str] = (), **answers: str
) -> dict[str, Any]:
    """Run the strongest attacks that apply to a deployment, as `python -m gi_core check-deployment` does (docs/deployment.md).

    answers: `network`, `size`, `pictures`, `steps`, `shared`, `together`, `protection`, `server`, each a value of the command's
    option of that name; what is left out is not known, and taken as it leaks most.
    config: files of a job of NVFlare or Flower; what they say is taken where no answer is given.
    workers: as many as the machine carries when left out.

    Returns a dictionary: `read` (what the files of `config` say, line by line), `level` (exposed, partly, protected or unknown), `exposure`, `finding`, `advice`, `limits`, `answers` and
    `cases`, one for each threat and measure with `updates`, `seen`, `interval` (95 %) and `best_run`. Raises SpecError, one sentence.
    """
    files = [config] if isinstance(config, (str, PathLike)) else list(config)
    asked, said = described([str(file) for file in files], answers)
    bar = Bar()
    try:
        found, _, note = measure(bar, asked, workers)
    finally:
        bar.close()
    if found is None:
        raise SpecError(note)
    return document(asked, found, said)
