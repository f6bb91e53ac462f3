"""The question of a run in words: who has what, and what the attacker does with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.reports import naming, python_only, sent
from gi_core.reports.taken import HIDDEN, Run
from gi_core.settings import ATTACKS, Experiment, SpecError, build


def experiment(run: Run) -> Experiment | None:
    """The run's experiment; None where today's program cannot read it."""
    try:
        return build(run.spec)
    except SpecError:
        return None


def title(run: Run) -> str:
    """What the run is called."""
    return run.title or naming.question(run.spec)


def lead(run: Run, short: bool = False) -> str:
    """The question in a few sentences. short: without how the attack works."""
    asked = experiment(run)
    if asked is None:
        return "This run asks what this edition of the program does not know."
    what = "A client trained on " + _pictures(run, asked)
    own = python_only.has_held_network(asked)
    network = "The network is " + (
        f"{python_only.network(asked)}." if own else f"{asked.model.title} with {_weights(asked)} weights."
    )
    has = "The server has " + sent.sentence(asked, run.result["model"].get("parameters") if run.result else None)
    attack = f"The attack is {asked.attack.title}" + ("." if short else f": {asked.attack.description}")
    knows = " The attacker knows the defenses and allows for them." if asked.attack.adaptive and asked.defenses else ""
    sends = f" It is not honest: {asked.server.description}" if asked.server.changes else ""
    return f"{what} {network} {has}{sends} {attack}{knows}"


def _pictures(run: Run, asked: Experiment) -> str:
    count = asked.pictures
    many = f"{count} pictures" if count > 1 else "one picture"
    if asked.recorded is not None:
        where = "given by a Python program" if python_only.is_held(asked) else "recorded in files"
        return f"{many}, elsewhere; its update was {where}."
    if not run.truth:
        return f"{many} that the server never saw."
    names = [naming.sample_name(ref) for ref in asked.samples]
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"{many}: {shown}."


def _weights(asked: Experiment) -> str:
    return {"fresh": "fresh, untrained", "trained": "trained", "file": "a file's", "imagenet": "ImageNet"}.get(
        asked.weights.kind, asked.weights.kind
    )


def settings(run: Run) -> list[tuple[str, str]]:
    """Each part of the question as it is written on a command line."""
    asked = experiment(run)
    if asked is None:
        return []
    pictures = ", ".join(asked.samples) if run.truth and asked.recorded is None else HIDDEN
    found = {
        "Pictures": pictures,
        "Size": str(asked.size or "their own"),
        "Colour": {None: "as it is", 1: "grey", 3: "colour"}[asked.channels],
        "Normalisation": asked.normalise,
        "Network": python_only.network(asked),
        "Weights": ", ".join(f"{k} {v}" for k, v in asked.weights.model_dump().items() if v is not None),
        "Client": asked.client.name,
        **({"Server": asked.server.name} if asked.server.changes else {}),
        "Defenses": " + ".join(d.name for d in asked.defenses) or "none",
        "Attack": asked.attack.name,
        "Seed": str(asked.seed),
    }
    if run.truth and asked.labels:
        found["Labels"] = ", ".join(map(str, asked.labels))
    return list(found.items())


def differing(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """(part, its value in each run) of the parts that are not the same in all."""
    each: list[Mapping[str, Any]] = [dict(settings(run)) for run in runs]
    names = list(dict.fromkeys(name for one in each for name in one))
    rows = [(name, *(str(one.get(name, "")) for one in each)) for name in names]
    return [row for row in rows if len(set(row[1:])) > 1]


def attack(run: Run) -> str:
    """The attack as a person says it."""
    kind = str((run.spec.get("attack") or {}).get("kind"))
    return ATTACKS[kind].title if kind in ATTACKS else kind
