"""Reports of what is said without attacking: rank analysis and influence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from gi_core.analysis.risk import EXPOSED
from gi_core.common import surroundings
from gi_core.numerics.spectrum import PRIOR
from gi_core.reports import charts, commands, naming, python_only, references
from gi_core.reports.judging import HEADS, worst
from gi_core.reports.parts import Code, Facts, Heading, Level, Paragraph, Part, Report, Sentences, Table, Verdict
from gi_core.reports.repeat import by_command
from gi_core.reports.written import call
from gi_core.settings import SpecError, build
from gi_core.settings.own_network import MEMORY

_RANK: dict[str, tuple[Level, str]] = {
    "exact": ("exposed", "The picture can be solved for"),
    "optimisation": ("partly", "A search has enough equations"),
    "partial": ("partly", "Some of the picture is left open"),
    "unsupported": ("unknown", "Not known: a layer stops the recursion"),
}
"""Verdict of a rank analysis -> level and words. It never says protected: too few equations are no proof."""
_LIMITS = {
    "rank": (
        "Equations are counted for the gradient of one picture, whose label and loss are known; noise and other pictures in the batch are not counted.",
        "Too few equations are no protection: an attacker who knows what pictures look like needs fewer.",
    ),
    "influence": (
        "The prediction is for one picture alone in its round, and linear: it holds near the picture, for small perturbations.",
        "An attacker who knows what pictures look like may do better than predicted.",
        "Nothing was attacked: run an attack to see what comes back.",
    ),
}


def rank(document: Mapping[str, Any]) -> Report:
    """The report of a rank analysis, from `RankReport.to_json()`."""
    level, head = _RANK[str(document["verdict"])]
    shape = "x".join(map(str, document["input"]))
    parts: list[Part] = [Verdict(level, head, str(document["sentence"]))]
    drawn = charts.of_rank(document)
    parts += [Heading("Equations and unknowns"), *drawn] if drawn else []
    names = (
        "name",
        "description",
        "unknowns",
        "weight_constraints",
        "gradient_constraints",
        "rank",
        "deficiency",
        "virtual",
        "index",
        "condition",
        "route",
        "reason",
    )
    rows = tuple(tuple(layer.get(n) for n in names) for layer in document["layers"])
    head_ = (
        "Layer",
        "What",
        "Values",
        "Weight equations",
        "Gradient equations",
        "Rank",
        "Missing",
        "Virtual",
        "Index",
        "Condition",
        "Solved by",
        "Why not",
    )
    parts += [
        Heading("Layer by layer", "from the picture"),
        Table(head_, rows, f"Security index {document['security_index']}"),
    ]
    if document.get("attention"):
        parts += _batches(document["attention"])
    if document.get("rounds"):
        parts += _rounds(document["rounds"])
    if document.get("adapters"):
        said = tuple(str(one["sentence"]) for one in document["adapters"])
        parts += [Heading("Adapters alone", "what a low-rank update shows of each dense layer"), Sentences(said)]
    parts += _end("rank", document.get("notices") or ())
    parts += [Heading("To repeat it"), *_rank_again(document, shape)]
    parts += _references([*references.ANALYSES["rank"]])
    lead = f"Has the gradient of {document['model']} on pictures of {shape} enough equations to give a picture away?"
    return Report(f"Rank analysis of {document['model']}", "Rank analysis", lead, tuple(parts))


def _batches(attention: Mapping[str, Any]) -> list[Part]:
    """What a vision transformer leaves open of each number of pictures."""
    names = ("pictures", "unknowns", "coset_open", "inseparable", "misplaced")
    rows = tuple(tuple(row[name] for name in names) for row in attention["batches"])
    head = ("Pictures", "Values", "Open in the coset", "Not told apart", "Not placed")
    said = f"Exact up to {attention['exact_most']} pictures, a mixture up to {attention['coset_most']}"
    return [Heading("Batches", "pictures behind one gradient"), Table(head, rows, said)]


def _rounds(found: Mapping[str, Any]) -> list[Part]:
    """What several updates of one picture show together."""
    rows = tuple((r["rounds"], r["rank"], r["expected_error"], "yes" if r["exact"] else "no") for r in found["rounds"])
    head = ("Rounds", "Directions shown", "Expected error per pixel", "Exact")
    said = (
        f"{found['directions']} directions in all, sent in single precision, a step of {found['rate']:g} between rounds"
    )
    return [
        Heading("Round after round", "updates of the same picture"),
        Paragraph(found["sentence"]),
        Table(head, rows, said),
    ]


def _rank_again(document: Mapping[str, Any], shape: str) -> list[Part]:
    """The command line and the Python that ask for the rank again."""
    name, measured = str(document["model"]), document["mode"] == "numeric"
    arguments = {"input_shape": tuple(document["input"]), **({"measured": True} if measured else {})}
    together = document.get("rounds")
    if together:
        arguments |= {"rounds": together["asked"], "rate": together["rate"]}
    if name.endswith(python_only.YOURS):
        program = python_only.analysis("rank", arguments, ["model"])
        return [Paragraph(python_only.NO_COMMAND), Code(program, "python")]
    drawn = name.startswith("custom")
    words = ["python", "-m", "gi_core", "rank", "--model", "custom:network.json" if drawn else name, "--input", shape]
    more = ["--rounds", str(together["asked"]), "--rate", f"{together['rate']:g}"] if together else []
    command = Code(shlex.join([*words, *(["--numeric"] if measured else []), *more]), "bash")
    if drawn:
        return [command]
    program = "import gi_core as gi\n\n" + call("rank", {"model": name, **arguments}) + "print(result)\n"
    return [command, Code(program, "python")]


def influence(spec: Mapping[str, Any], answer: Mapping[str, Any]) -> Report:
    """The report of an influence analysis. spec: {experiment, noise_std, damping, seconds}; answer: `gi_core/types/influence.py`."""
    samples = answer["samples"]
    levels = [level_of(one) for one in samples]
    level = worst(levels)
    parts: list[Part] = [Verdict(level, _HEADS[level], _told(samples, levels))]
    parts += [Heading("Every picture"), Table(("Picture", "Class", "Level", "Error, no prior", "Error, with prior", "In words"), tuple(
        (naming.sample_name(str(one["sample"])), one["class_name"], HEADS[found].lower(), one.get("predicted_rmse"), one.get("predicted_rmse_with_prior"),
         one.get("error") or one.get("words"))
        for one, found in zip(samples, levels, strict=True)
    ), "Root mean squared error per pixel in [0, 1]")]  # fmt: skip
    drawn = charts.of_influence(answer, most_exposed(samples))
    parts += [Heading("The most exposed picture in figures"), *drawn] if drawn else []
    parts += _end("influence", answer.get("notices") or ())
    parts += again(spec)
    parts += _references(
        [
            *references.ANALYSES["influence"],
            *references.keys(_cited(spec.get("experiment") or {})),
        ]
    )
    lead = f"How closely could a server copy each picture from its update of {answer['model']}, and how much noise would prevent it?"
    return Report("Influence analysis", "Influence", lead, tuple(parts))


_HEADS: dict[Level, str] = {
    "exposed": "Exposed: a copy would be almost perfect",
    "partly": "Partly exposed: a noisy likeness would come back",
    "protected": "Matching alone would do no better than plain grey",
    "unknown": "Not known: a picture could not be analysed",
}


def level_of(one: Mapping[str, Any]) -> Level:
    """Of one picture, by its predicted error without a prior."""
    rmse = one.get("predicted_rmse")
    if "error" in one or rmse is None:
        return "unknown"
    return "exposed" if rmse < EXPOSED else "partly" if rmse < PRIOR else "protected"


def most_exposed(samples: list[Mapping[str, Any]]) -> int | None:
    """The place of the picture with the least predicted error; None where none has one."""
    known = [
        (one["predicted_rmse"], k)
        for k, one in enumerate(samples)
        if "error" not in one and one.get("predicted_rmse") is not None
    ]
    return min(known)[1] if known else None


def _told(samples: list[Mapping[str, Any]], levels: list[Level]) -> str:
    counted = [f"{levels.count(one)} {HEADS[one].lower()}" for one in ("exposed", "partly", "unknown") if one in levels]
    grey = levels.count("protected")
    counted += [f"{grey} no better than plain grey"] if grey else []
    return f"Of {len(samples)} pictures: {', '.join(counted)}."


def again(spec: Mapping[str, Any]) -> list[Part]:
    """The command line and the Python that ask for the influence again."""
    try:
        asked = build(dict(spec.get("experiment") or {}))
    except SpecError:
        return []
    if python_only.has_held_network(asked):
        words_ = {n: spec[n] for n in ("noise_std", "damping", "seconds") if spec.get(n) is not None}
        program = python_only.analysis("influence", words_, ["model", "pictures", "labels"])
        return [Heading("To repeat it"), Paragraph(python_only.NO_COMMAND), Code(program, "python")]
    words = shlex.split(commands.command(asked))
    words[3] = "influence"
    at = words.index("--attack")
    del words[at : at + 2]
    more = {"noise_std": spec.get("noise_std"), "damping": spec.get("damping"), "seconds": spec.get("seconds")}
    given = {name: value for name, value in more.items() if value is not None}
    for name, value in given.items():
        words += ["--" + name.replace("_", "-"), f"{value:g}"]
    return [Heading("To repeat it"), Code(shlex.join(words), "bash"), Code(by_command(words[3:]), "python")]


def _end(kind: str, notices: Any) -> list[Part]:
    made = [("Report written with", ", ".join(f"{k} {v}" for k, v in surroundings.versions().items()))]
    return [
        Heading("What this does not say"),
        Sentences((*_LIMITS[kind], *map(str, notices))),
        Heading("Made with"),
        Facts(tuple(made)),
    ]


def _cited(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment without an attack, and without samples where they only count what a program held."""
    held = str((experiment.get("model") or {}).get("source", "")).startswith(MEMORY)
    return {**experiment, "attack": {"kind": ""}, **({"samples": []} if held else {})}


def _references(keys: list[str]) -> list[Part]:
    entries = references.entries(keys)
    return [
        Heading("References"),
        Sentences(tuple(e.line for e in entries)),
        Code(references.bibtex(entries), "bibtex", "As BibTeX"),
    ]
