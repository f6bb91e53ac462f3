"""A sweep as a table: one flat row for each experiment, in the columns that COLUMNS explains. No torch."""

from __future__ import annotations

import statistics
from functools import lru_cache
from typing import Any, cast

from gi_core.common.safe_text import csv_table, html_page
from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.jobs.sweep_questions import experiments
from gi_core.metrics.claims import words_of
from gi_core.metrics.registry import METRICS, drawn
from gi_core.settings import Experiment
from gi_core.settings.client import Fresh, Trained
from gi_core.settings.sweep import Sweep
from gi_core.types.result import Result
from gi_core.types.result_parts import Measures, Network
from gi_core.types.training import Training

_FIRST = {
    "position": "Number of the experiment in the sweep, from 1; the columns after it are the sweep's axes, by their names.",
    "state": "queued, running, pausing, paused, done, failed, cancelled, refused (cannot be run) or missing (deleted).",
}
_ASKED = {
    "samples": "References of the private pictures, joined by a space.",
    "pictures": "How many pictures are behind the update.",
    "size": "Side of the pictures in pixels; empty for their own.",
    "model": "Kind of the network.",
    "model_settings": "The network as written on a command line: its kind, then what differs from default.",
    "parameters": "Trainable numbers of the network; empty before the run has ended.",
    "weights": "fresh, trained, file or imagenet.",
    "epochs": "Passes over the training pictures before the attack; 0 for a fresh network, empty for other weights.",
    "client": "What the client does in its round, as written on a command line.",
    "server": "What the server sends: honest, or how it changes the network, as written on a command line.",
    "defenses": "Defenses in the order they are applied, joined by ' + '; none without any.",
    "attack": "Kind of the attack.",
    "attack_settings": "The attack as written on a command line: its kind, then what differs from default.",
    "control": "Standing control: noise, other or prior stood in the place of the client's update; none is the update itself.",
    "adaptive": "Whether the attacker knows the defenses and allows for them.",
    "seed": "Seed of the attack's starts and of the defenses' noise.",
}
_WORDS = {
    "person": "What a person would see, of a batch in the most exposed picture: exact, seen, traces or not seen.",
    "machine": "Whether a machine finds an original of it as the nearest of the candidates: found or not found.",
    "matched": "Whether what the answer leaves of the update is within the update's own error; empty where that is not known.",
    "unique": "Whether no other picture nearby explains the update as well; empty where that is not known.",
    "right": "Whether a person would see the original; known only where there are originals.",
}
_FOUND = {
    "iterations": "Iterations of the attack.",
    "seconds": "Seconds of attacking, pauses excluded.",
    "network_accuracy": "Accuracy, in [0, 1], of the attacked network on pictures it was not trained on; empty where it was not trained here.",
    "accuracy": "Mean accuracy, in [0, 1], after the federated training with the same network, client and defenses, over its seeds.",
    "accuracy_std": "Standard deviation of that accuracy over the seeds (n - 1); empty for fewer than two.",
    "accuracy_seeds": "How many of these trainings have ended.",
    "chance": "Accuracy of always naming the commonest class.",
    "ceiling": "Most that any attacker gets of this round, picking the true picture among equally likely ones, in [0, 1]; proved, empty where it is not.",
    "floor": "What the likeliest picture gets of the same game, in [0, 1]; measured.",
    "plausible": "Of a control by noise: whether the answer is as smooth and as varied as a picture; else empty.",
    "epsilon": "Of the (epsilon, delta) guarantee of that training; empty where the defenses give none.",
}  # fmt: skip
_LAST = {
    "run_id": "The run, for python -m gi_core runs show.",
    "error": "Why it failed or was refused, or why there is no accuracy though it was asked for.",
}
COLUMNS: dict[str, str] = {
    **_FIRST,
    **{name: METRICS[name].column for name in drawn("table")},
    **_WORDS,
    **_FOUND,
    **_ASKED,
    **_LAST,
}
"""Column -> what it means, in order; the one place that documents them. An empty cell is a value that is not known."""


def records(store: Store, id: str) -> list[dict[str, Any]]:
    """One row for each experiment, in order, whatever its state; None where a value is not known.

    An axis that is called like a column stands under its name with " (axis)". Raises SpecError for an unknown sweep.
    """
    asked = _asked(sweeps.sweep_of(store, id).model_dump_json())
    found = sweeps.utilities(store, id)
    trained, broken = _trainings(found), _failures(found)
    return [
        _row(entry, asked[entry.position], trained.get(entry.position, []), broken.get(entry.position, ""))
        for entry in sweeps.members(store, id)
    ]


def columns(rows: list[dict[str, Any]]) -> dict[str, str]:
    """The columns of these rows with what they mean, the axes' included."""
    return {name: COLUMNS.get(name, "An axis of the sweep.") for name in rows[0]} if rows else dict(COLUMNS)


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Comma-separated, a header first, RFC 4180; no cell is taken for a formula by a spreadsheet."""
    return csv_table(list(columns(rows)), [list(row.values()) for row in rows])


def to_html(rows: list[dict[str, Any]], title: str = "Sweep", question: str = "") -> str:
    """One page that needs nothing else, runs nothing and loads nothing: the table, then what its columns mean."""
    return html_page(title, question, columns(rows), [list(row.values()) for row in rows])


def _trainings(found: list[sweeps.UtilityEntry]) -> dict[int, list[Training]]:
    """Position -> results of the trainings that have ended."""
    ended: dict[int, list[Training]] = {}
    for one in found:
        result = one.job.result if one.job and one.job.state == "done" else None
        if result and result.get("accuracy") is not None:
            for position in one.positions:
                ended.setdefault(position, []).append(cast(Training, result))
    return ended


def _failures(found: list[sweeps.UtilityEntry]) -> dict[int, str]:
    """Position -> why one of its trainings gave no accuracy."""
    return {p: f"no accuracy of seed {one.seed}: {one.error}" for one in found if one.error for p in one.positions}


@lru_cache(maxsize=8)
def _asked(text: str) -> tuple[dict[str, Any], ...]:
    """The columns that do not change while a sweep goes on, kept: pages ask every few seconds."""
    return tuple(_question(member.experiment) for member in experiments(Sweep.model_validate_json(text)))


def _question(asked: Experiment) -> dict[str, Any]:
    weights = asked.weights
    return {
        "samples": " ".join(asked.samples), "pictures": asked.pictures, "size": asked.size,
        "model": asked.model.kind, "model_settings": asked.model.name, "parameters": None,
        "weights": weights.kind, "epochs": 0 if isinstance(weights, Fresh) else weights.epochs if isinstance(weights, Trained) else None,
        "client": asked.client.name + (f" · {asked.server.name}" if asked.server.changes else ""), "server": asked.server.name, "defenses": " + ".join(d.name for d in asked.defenses) or "none",
        "attack": asked.attack.kind, "attack_settings": asked.attack.name, "control": asked.control,
        "adaptive": asked.attack.adaptive, "seed": asked.seed,
    }  # fmt: skip


def _words(result: Result | None) -> dict[str, Any]:
    """The words of a result by today's rule; empty cells without one."""
    found: dict[str, Any] = {**words_of(result)} if result else {}
    return {name: None if found.get(name) == "" else found.get(name) for name in _WORDS}


def _row(
    entry: sweeps.Entry, asked: dict[str, Any], trained: list[Training], broken: str
) -> dict[str, Any]:  # fmt: skip
    result = entry.job.run_result if entry.job else None
    metrics: Measures = result["metrics"] if result else {}
    model: Network = result["model"] if result else {}
    bracket = result.get("bracket") if result else None
    accuracies = [one["accuracy"] for one in trained]
    axes = {(f"{name} (axis)" if name in COLUMNS else name): label for name, label in entry.point.items()}
    return {
        "position": entry.position + 1, **axes, "state": entry.state,
        **{name: metrics.get(name) for name in drawn("table")},
        **_words(result),
        "iterations": result["iterations"] if result else None, "seconds": result["seconds"] if result else None,
        "network_accuracy": model.get("accuracy"),
        "accuracy": statistics.fmean(accuracies) if accuracies else None,
        "accuracy_std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "accuracy_seeds": len(accuracies),
        "chance": trained[0]["chance"] if trained else None,
        "ceiling": bracket["ceiling"] if bracket else None, "floor": bracket["floor"] if bracket else None,
        "plausible": result["control"].get("plausible") if result and "control" in result else None,
        "epsilon": trained[0]["epsilon"] if trained else None,
        **asked, "parameters": model.get("parameters"),
        "run_id": entry.job.id if entry.job else None,
        "error": entry.refused or (entry.job.error if entry.job else None) or broken or None,
    }  # fmt: skip
