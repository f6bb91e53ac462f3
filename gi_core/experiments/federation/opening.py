"""A recorded round as a browser may name it: its files become uploads by their hash. No torch."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from gi_core.common import uploads
from gi_core.common.errors import SpecError
from gi_core.settings.experiment import Experiment, read_experiment

GONE = "the files of this round are not here any more: run the federation again"


def for_browser(folder: Path, name: str) -> Experiment:
    """The experiment in file `name` of a federation's folder, with `upload:<sha256>` for its files. Raises SpecError."""
    try:
        asked = read_experiment((folder / Path(name).name).read_text())
    except OSError:
        raise SpecError(GONE) from None
    recorded = asked.recorded
    if recorded is None:
        raise SpecError(GONE)
    kept = {
        field: keep(folder / Path(path).name)
        for field in ("checkpoint", "update", "statistics", "reference")
        if (path := getattr(recorded, field)) is not None
    }
    changes: dict[str, object] = {"recorded": recorded.model_copy(update=kept)}
    prior = asked.attack.prior_picture
    if prior and not prior.startswith("bundled/"):
        changes["attack"] = asked.attack.model_copy(update={"prior": keep(folder / Path(prior).name)})
    return asked.model_copy(update=changes)


def keep(path: Path) -> str:
    """A copy among the uploads; its reference. Raises SpecError."""
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return uploads.keep(digest, lambda target: shutil.copyfile(path, target))
    except FileNotFoundError:
        raise SpecError(GONE) from None
    except OSError as error:
        raise SpecError(f"the round's files could not be kept: {error.strerror or error}") from None
