"""What a run ends with: the JSON object of `result.json`, of `--json` and of the store, field by field. No torch.

`gi_core/experiments/results.py` writes it; command line, workers, tables and pages read it. Beside each type stands the field's
meaning and unit: docs/results.md is written from here. A field that may be missing is `NotRequired`; so is every field that
version 1 did not have from its first day, as an old file lacks it.
"""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast, final

from gi_core.types.attacker_parts import Attacker, Controlled, Started, Words
from gi_core.types.model_check import ModelCheck
from gi_core.types.result_parts import (
    Bracket,
    Effect,
    Labels,
    Layer,
    Measures,
    Mixture,
    Network,
    Normalisation,
    Rescaled,
    Trial,
    TrialsSummary,
    UpdateFacts,
)
from gi_core.types.risk import Calibration, Risk

SCHEMA_VERSION = 1
"""Raised when a field goes away or changes its meaning; a new field does not raise it."""

Settings = dict[str, Any]
"""Settings as JSON, with `kind`."""


@final
class Result(TypedDict):
    """A run that ended with pictures."""

    schema_version: NotRequired[Annotated[int, f"{SCHEMA_VERSION}; a missing one is 1"]]
    run_id: Annotated[str, "the run, for `runs show`"]
    status: Annotated[Literal["done", "cancelled"], "cancelled: with what there was"]
    note: Annotated[str, "why the attack ended"]
    seconds: Annotated[float, "s of attacking, pauses excluded"]
    iterations: Annotated[int, "iterations of the attack"]
    seconds_per_iteration: Annotated[float | None, "s"]
    attack: Annotated[Settings, "the attack's settings"]
    model: Annotated[Network, "the network's settings, and what is known of it"]
    plan: Annotated[Settings, "how the engine ran the network"]
    metrics: Annotated[
        Measures, "means over the pictures ([metrics](words.md)); `<metric>_sd` standard deviations, notes"
    ]
    per_image: Annotated[list[Measures], "the same for each original, with `index` and `matched`, its reconstruction"]
    labels: Annotated[Labels, "true and recovered"]
    trials: Annotated[list[Trial], "in their order"]
    trials_summary: Annotated[TrialsSummary, "best, median and worst by the attacker's own loss"]
    attacker: Annotated[Attacker, "what the attacker itself can say"]
    defenses: Annotated[list[Effect], "what each defense did to the update, in order"]
    bracket: NotRequired[Annotated[Bracket, "clipped and noised rounds: what is leaked at least and at most"]]
    model_check: NotRequired[
        Annotated[ModelCheck, "a server that changed the network: what its client could notice of it"]
    ]
    gradient_norm: Annotated[float, "L2 norm of the update"]
    device: Annotated[str, "the device it ran on"]
    normalisation: NotRequired[Annotated[Normalisation, "how pixels became what the network saw"]]
    notices: Annotated[list[str], "sentences about pictures and files"]
    update: NotRequired[Annotated[UpdateFacts, "recorded update: what was found in its files"]]
    mixture: NotRequired[Annotated[Mixture, "recursion on a batch: how the answer mixes the originals"]]
    rescaled: NotRequired[Annotated[Rescaled, "recursion on one picture: the published rescaling"]]
    layers: NotRequired[Annotated[list[Layer], "recursion: layers, deepest first"]]
    start: NotRequired[Annotated[Started, "matching with `residual_first`: where it started, and what it added"]]
    risk: NotRequired[Annotated[Risk, "the risk meter, and whether it was right"]]
    verdict: Annotated[str, "how good the reconstruction is, one sentence"]
    words: NotRequired[Annotated[Words, "matched, unique, right, seen and found, by the rules of the day it was made"]]
    control: NotRequired[Annotated[Controlled, "a standing control, which says nothing of the client's own update"]]
    out: NotRequired[Annotated[str, "folder of the run's files"]]
    calibration: NotRequired[Annotated[Calibration, "predicted beside measured error, where both are known"]]
    made_with: NotRequired[Annotated[dict[str, str], "versions of the program and its libraries, and the processor"]]


@final
class NoPicture(TypedDict):
    """A run that stopped without pictures: it failed, was cancelled before its first iteration, or waits to go on."""

    schema_version: NotRequired[Annotated[int, f"{SCHEMA_VERSION}; a missing one is 1"]]
    run_id: Annotated[str, "the run, for `runs show`"]
    status: Annotated[Literal["failed", "cancelled", "paused"], "how it stopped"]
    out: Annotated[str, "folder of the run's files"]
    error: NotRequired[Annotated[str, "why it failed, one sentence"]]
    asked: NotRequired[Annotated[str, "what it was asked to do: pause, leave or cancel"]]
    iterations: NotRequired[Annotated[int, "0"]]
    resumable: NotRequired[Annotated[bool, "whether `attack --resume` goes on with it"]]
    note: NotRequired[Annotated[str, "how to go on"]]


Outcome = Result | NoPicture


def _empty() -> Result:
    return {
        "run_id": "", "status": "done", "note": "", "seconds": 0.0, "iterations": 0, "seconds_per_iteration": None,
        "attack": {}, "model": {}, "plan": {}, "metrics": {}, "per_image": [],
        "labels": {"true": None, "recovered": [], "accuracy": None, "names": []}, "trials": [], "trials_summary": {},
        "attacker": {"loss": None, "residual": None, "residuals": {}, "note": ""}, "defenses": [], "gradient_norm": 0.0,
        "device": "", "notices": [], "verdict": "",
    }  # fmt: skip


def read(document: Mapping[str, Any] | None) -> Result | None:
    """A stored document as a result; None where no picture came back. What a damaged one lacks is empty, so every field that is
    required is there.
    """
    if document is None or "metrics" not in document:
        return None
    empty = _empty()
    there = {key: value for key, value in document.items() if value is not None or key not in empty}
    return cast(Result, empty | there)
