"""The sweep behind a frontier: settings of defenses, each attacked and trained with; and the servers that attack. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gi_core.data.bundled import MEDICAL_SIDES
from gi_core.settings import Experiment, SpecError
from gi_core.settings.controls import CONTROLS, has_prior
from gi_core.settings.overrides import overridden
from gi_core.settings.sweep import Sweep, build_sweep
from gi_core.settings.utility import HELD, Training

NAME, QUESTION = "Frontier", "Which defense keeps accuracy while the attack fails?"
SUMMED = "secure_aggregation"
"""Written among defenses: as many clients as there are pictures behind the update, whose sum alone the server sees."""
SETTINGS: dict[str, tuple[str, ...]] = {
    "none": (), "noise 0.01": ("gaussian_noise:std=0.01",), "noise 0.1": ("gaussian_noise:std=0.1",), "noise 1": ("gaussian_noise:std=1",),
    "DP-SGD, noise 0.1": ("dp_sgd:noise_multiplier=0.1",), "DP-SGD, noise 1": ("dp_sgd:noise_multiplier=1",),
    "pruning 50 %": ("pruning:fraction=0.5",), "pruning 90 %": ("pruning:fraction=0.9",), "top-k 10 %": ("top_k:kept=0.1",),
    "4 bits": ("quantisation:bits=4",), "1 bit": ("quantisation:bits=1",), "Soteria": ("soteria",), "PRECODE": ("precode",),
    "mixing": ("mixing",), "first layer withheld": ("withheld_layers",), "secure aggregation": (SUMMED,),
}  # fmt: skip
"""Name of a setting -> its defenses, as on a command line."""
FIRST = ("none", "noise 0.1", "DP-SGD, noise 0.1", "pruning 90 %")
"""Settings of the default grid."""
SERVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "honest": ("Honest", {"server": "honest"}),
    "fishing": ("Fishes for a class", {"server": "fishing"}),
    "imprint": ("Puts a layer of bins in front", {"server": "imprint:bins=64", "attack": "imprint"}),
    "trap": ("Sets traps", {"server": "trap", "attack": "imprint"}),
}
"""Server -> (what a person reads, what it changes in an experiment). Rows that a server prepared are read, not searched."""
MATCHING = "levenberg_marquardt:iterations=20,restarts=1"


def _crops() -> tuple[str, ...]:
    """Corners of three quarters of each medical picture: 16, of which neighbours are of different pictures."""
    found = []
    for across, down in ((0, 0), (1, 1), (0, 1), (1, 0)):
        for name, side in MEDICAL_SIDES.items():
            kept = 3 * side // 4
            found.append(f"bundled/{name}#crop={kept}x{kept}+{across * (side - kept)}+{down * (side - kept)}")
    return tuple(found)


MEDICAL = _crops()
POINT = 8
"""Pictures of a point of the default grid: the fewest by which eight of eight against none of eight is more than chance among many."""


@dataclass(frozen=True)
class Asked:
    """What a frontier asks.

    settings: name -> defenses as on a command line, "none" first; `SUMMED` among them stands for secure aggregation. pictures: references;
    each is attacked once. behind: pictures behind an update, the attacked one and those after it. both: also an attacker
    who takes the update for plain. controls: also what the attack makes of no update at all.
    """

    settings: Mapping[str, Sequence[str]] = field(default_factory=lambda: {name: SETTINGS[name] for name in FIRST})
    pictures: tuple[str, ...] = MEDICAL[:POINT]
    servers: tuple[str, ...] = ("honest",)
    behind: int = 1
    both: bool = True
    controls: bool = True
    size: int = 20
    channels: int = 1
    network: str = "lenet:activation=tanh"
    attack: str = MATCHING
    data: str = "bundled"
    rounds: int = 80
    seeds: int = 3
    name: str = NAME
    question: str = QUESTION


DISHONEST = Asked(
    settings={name: SETTINGS[name] for name in ("none", "secure aggregation", "DP-SGD, noise 0.1")},
    servers=("fishing",), behind=16, both=False, controls=False, size=16, channels=3, attack="inverting_gradients:iterations=150",
    name="Frontier of a dishonest server", question="Does secure aggregation stop a server that fishes?",
)  # fmt: skip
"""The grid of a server that fishes."""


def frontier_of(asked: Asked) -> Sweep:
    """The sweep. Raises SpecError with one sentence."""
    _check(asked)
    axes: list[dict[str, Any]] = []
    if asked.servers != ("honest",):
        changes = [SERVERS[name][1] for name in asked.servers]
        axes.append({"name": "the server", "values": changes, "labels": list(asked.servers)})
    axes += [_settings(asked), _pictures(asked)]
    default = Training()
    each = min(default.pictures, HELD.get(asked.data, 10**9) // default.clients)  # the faces are few
    trained = Training(data=asked.data, pictures=each, rounds=asked.rounds, seeds=tuple(range(asked.seeds)))
    return build_sweep({
        "name": asked.name, "question": asked.question, "axes": axes, "utility": trained.model_dump(mode="json"),
        "base": {"size": asked.size, "channels": asked.channels, "model": asked.network, "attack": asked.attack},
    })  # fmt: skip


def _check(asked: Asked) -> None:
    if not asked.pictures:
        raise SpecError("choose one picture at least")
    if len(asked.settings) < 2:
        raise SpecError("choose one defense at least: the undefended client is always measured")
    if not asked.servers:
        raise SpecError("choose one server at least")
    if asked.behind == 1 and set(asked.servers) != {"honest"}:
        raise SpecError(
            "a dishonest server tells one picture of an update from the others: set pictures behind an update to 2 or more"
        )
    if asked.behind == 1 and any(SUMMED in parts for parts in asked.settings.values()):
        raise SpecError("secure aggregation adds up several clients: set pictures behind an update to 2 or more")
    if asked.behind > len(MEDICAL):
        raise SpecError(f"at most {len(MEDICAL)} pictures stand behind an update here, not {asked.behind}")


def _settings(asked: Asked) -> dict[str, Any]:
    """Every setting by each attacker, the undefended client once, as there is nothing to know; then the controls."""
    labels, values = [], []
    for name, parts in asked.settings.items():
        defenses = [part for part in parts if part != SUMMED]
        change: dict[str, Any] = {"defenses": defenses}
        if SUMMED in parts:
            rate = Training().server_rate
            change["client"] = f"fedavg:clients={asked.behind},learning_rate={rate:g}"
        for knows in (False, True) if defenses and asked.both else (bool(defenses),):
            labels.append(name)
            values.append({**change, "attack.adaptive": True} if knows else change)
    for kind in controls_of(asked.attack) if asked.controls else ():
        labels.append(CONTROLS[kind][0])
        values.append({"defenses": [], "control": kind})
    return {"name": "defense", "values": values, "labels": labels}


def controls_of(attack: str) -> tuple[str, ...]:
    """The standing controls that this attack has: the prior alone only where it has one."""
    made = overridden(Experiment(), {"attack": attack}).attack
    return tuple(kind for kind in CONTROLS if kind != "prior" or has_prior(made))


def _pictures(asked: Asked) -> dict[str, Any]:
    labels = [ref.removeprefix("bundled/").partition("#")[0] for ref in asked.pictures]
    names = [
        f"{label} {labels[: k + 1].count(label)}" if labels.count(label) > 1 else label
        for k, label in enumerate(labels)
    ]
    if asked.behind == 1:
        return {"name": "picture", "path": "samples", "values": [[ref] for ref in asked.pictures], "labels": names}
    values = [
        {"samples": _batch(asked, ref), "labels": [0, *(1 + k % 9 for k in range(asked.behind - 1))]}
        for ref in asked.pictures
    ]
    return {"name": "picture", "values": values, "labels": names}


def _batch(asked: Asked, first: str) -> list[str]:
    """The attacked picture, then those after it, round from the end; filled up with medical ones."""
    known = list(dict.fromkeys((*asked.pictures, *MEDICAL)))
    at = known.index(first)
    return [known[(at + k) % len(known)] for k in range(asked.behind)]
