"""`gi.reproduce`: published numbers, measured here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.cli.progress import Bar
from gi_core.cli.reproduce import measure, row
from gi_core.common.errors import SpecError
from gi_core.reproductions import claims, studies
from gi_core.reproductions import records as kept


def reproduce(
    *ids: str,
    budget: str = "small",
    pictures: Mapping[str, str] | None = None,
    count: int | None = None,
    workers: int | None = None,
) -> list[dict[str, Any]]:
    """Measure published claims by this machine's workers, as `python -m gi_core reproduce` does (docs/reproductions.md).

    ids: names of claims; with none, nothing is run, and what is known of all of them comes back.
    budget: "small", all claims in about 12 minutes on two free cores, or "full", the published number of iterations and more pictures.
    pictures: name of a data set -> folder of class sub-folders that holds it, such as {"mnist": "pictures/mnist"}.
    count: pictures for each claim in place of the budget's.
    workers: as many as the machine carries when left out.

    Returns a dictionary for each claim: `published` as printed, `source_status` (where it was read), `measured`, `interval` (95 %),
    `unit`, `n` (pictures), `verdict` (reproduced, differs, source unread, data or GPU missing, too few pictures, not measured) and
    `controls` (the same attack on noise, on another client's update, on its prior alone), `accuracy` of the main task where noise is added,
    `otherwise` (where we find something else, and why) and `details`. Raises SpecError, one sentence.
    """
    if budget not in ("small", "full"):
        raise SpecError(f"there is no budget {budget!r}: choose small or full")
    if count is not None and count < 1:
        raise SpecError(f"{count} pictures measure nothing: give 1 or more")
    wanted = claims(ids)
    if ids:
        bar = Bar()
        try:
            measure(wanted, studies(), budget, dict(pictures or {}), count, workers, own=False, bar=bar)  # type: ignore[arg-type]
        finally:
            bar.close()
    known = kept.known()
    return [row(one, known.get(one.id)) for one in wanted]
