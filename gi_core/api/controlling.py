"""Standing controls in Python: the same attack where the update shows nothing of the private picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gi_core.api.repeating import whole
from gi_core.api.result import Result
from gi_core.api.running import how, perform
from gi_core.common.errors import SpecError
from gi_core.experiments.setup import check
from gi_core.experiments.sweeps.against import sentences
from gi_core.metrics.claims import sentence
from gi_core.settings import Experiment
from gi_core.settings.controls import CONTROLS
from gi_core.settings.registry import suggestion


@dataclass(frozen=True)
class Controls:
    """An attack beside its standing controls.

    result: of the update itself. controls: of noise of the same length, of another client's update, and of the prior alone, by name.
    refused: name -> why there is no such control. sentence: what follows of all of them.
    """

    result: Result
    controls: Mapping[str, Result]
    refused: Mapping[str, str]
    sentence: str

    def __str__(self) -> str:
        lines = [f"{'update':8}{sentence(self.result.words)}"]
        lines += [f"{name:8}{sentence(one.words)}" for name, one in self.controls.items()]
        lines += [f"{name:8}not possible: {why}" for name, why in self.refused.items()]
        return "\n".join([*lines, self.sentence])


def controls(
    experiment: Experiment | Mapping[str, Any] | str | Path | None = None, *, kinds: Sequence[str] = tuple(CONTROLS),
    progress: bool = True, store: bool = False,
) -> Controls:  # fmt: skip
    """Run an experiment and its standing controls, each with the same attack and budget: so many runs more as there are kinds.

    experiment: a whole one, as a document, its JSON, or the path of its file; `gi.run` makes one (`result.experiment`).
    kinds: of noise, other and prior (docs/words.md).
    progress, store: as in `gi.attack`.

    Raises SpecError, one sentence.
    """
    unknown = [kind for kind in kinds if kind not in CONTROLS]
    if unknown:
        raise SpecError(f"there is no control {unknown[0]!r}: {suggestion(str(unknown[0]), CONTROLS)}")
    base, asked = whole(experiment), how(progress, None, None, store)
    if base.control != "none":
        raise SpecError("this experiment is a control itself: give the one of the client's own update")
    check(base)
    own, found, refused = Result(perform(base, asked)), dict[str, Result](), dict[str, str]()
    for kind in kinds:
        control = base.model_copy(update={"control": kind})
        try:
            check(control)
            found[kind] = Result(perform(control, asked))
        except SpecError as why:
            refused[kind] = str(why)
    rows = [_row(own, "none"), *(_row(one, kind) for kind, one in found.items())]
    return Controls(own, found, refused, sentences(rows) or "No control has ended with a picture to compare.")


def _row(result: Result, control: str) -> dict[str, Any]:
    """As a sweep's table has it."""
    known = result.document.get("control") or {}
    return {
        "attack": result.experiment.attack.kind, "samples": " ".join(result.experiment.samples), "control": control,
        "ssim": result.metrics.get("ssim"), "plausible": known.get("plausible"),
    }  # fmt: skip
