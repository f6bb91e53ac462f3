"""What is measured of a deployment: threats that apply, alone and with a measure switched on, each on several updates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from gi_core.data.bundled import MEDICAL_SIDES
from gi_core.deployment.questions import Deployment, settled
from gi_core.settings.accounting import epsilon
from gi_core.settings.sweep import Sweep, build_sweep

Threat = Literal["curious", "rounds", "fishing", "imprint"]
UPDATES, SOLVED_LONG, FEWER = 8, 5, 4
"""Updates of a threat, of one whose equations take half a minute, and of one with a measure or with more pictures than `MANY`."""
MANY = 4
MOST = 50
"""Pictures behind one update here, however many there are."""
ROUNDS = 3
DELTA = 1e-5
THREATS: dict[Threat, str] = {
    "curious": "A server that only reads what it is sent",
    "rounds": "The same, over several rounds with the same pictures",
    "fishing": "A server that fishes for one class",
    "imprint": "A server that puts a layer in front which asks for pixels",
}
MEASURES: dict[str, str] = {
    "": "as described", "together": "sum the updates of 10 clients", "dp8": "DP-SGD, epsilon 8 a round", "head": "send only the last layer",
    "refuse": "clients refuse suspicious networks",
}  # fmt: skip
_NETWORKS = {
    ("transformer", "32"): ("vit:patch=4,hidden=192,heads=3,depth=4", 32),
    ("transformer", "64"): ("vit:patch=8,hidden=192,heads=3,depth=4", 64),
    ("transformer", "224"): ("vit:patch=32,hidden=192,heads=3,depth=4", 224),
    ("plain", ""): ("lenet:activation=relu", 32),
    ("residual", ""): ("resnet18", 32),
}
_EFFORT = {"transformer": 400, "plain": 1200, "residual": 120}
"""Gradients of one picture that the search may take where no closed form applies; the more pictures, the fewer."""
_LEAST_EFFORT = 24
_IN_TRAINING, _LEAST_IN_TRAINING, _PICTURES_IN_TRAINING = 12, 6, 240
"""The same in train mode: gradients, and pictures that go through them. One of ten pictures at 48 pixels takes two CPU seconds."""
_PARTS = {"head": "weights of the last layer", "adapter": "the adapters"}
"""What may be sent in place of all weights, in words."""
_CROP = 128


@dataclass(frozen=True)
class Case:
    """threat, measure: keys of `THREATS` and `MEASURES`. pictures: behind an update. updates: how many are attacked."""

    threat: Threat
    measure: str
    pictures: int
    updates: int
    changes: dict[str, Any]

    @property
    def title(self) -> str:
        return THREATS[self.threat] + (f"; {MEASURES[self.measure]}" if self.measure else "")


def cases_of(asked: Deployment) -> list[Case]:
    """The threats that apply, first as described, then with what could be switched on."""
    said = settled(asked)
    each, together = int(said["pictures"]), int(said["together"])
    behind = min(each * together, MOST)
    threats: list[Threat] = ["curious"]
    if (
        said["network"] == "plain"
        and said["steps"] == "1"
        and together == 1
        and said["protection"] == "none"
        and each == 1
    ):
        threats.append("rounds")
    dishonest: list[Threat] = (
        ["fishing", "imprint"] if said["server"] == "dishonest" and said["shared"] not in _PARTS else []
    )
    if behind > 1:  # of one picture's update the honest server has all there is
        threats += dishonest
    found = [_case(said, threat, "", behind) for threat in threats]
    for measure in _measures(said):
        pictures: int = min(behind * 10, MOST) if measure == "together" else behind
        against = (
            dishonest
            if measure == "refuse"
            else ["curious", *(dishonest if pictures > 1 and measure != "head" else [])]
        )
        found += [_case(said, threat, measure, pictures) for threat in against if pictures > 1 or threat == "curious"]
    return found


def unplayed(asked: Deployment) -> list[str]:
    """What of the description cannot be played here, one sentence each."""
    said = settled(asked)
    part, private = _PARTS.get(said["shared"]), said["protection"] in ("dp8", "dp1")
    found = []
    if part and said["server"] == "dishonest":
        found.append(f"A server that changes the network was not measured where {part} alone are sent.")
    if part and said["protection"] != "none":
        found.append(f"Where {part} alone are sent, it was played without the protection.")
    if part and said["steps"] != "1":
        found.append(f"Where {part} alone are sent, it was played by one step.")
    if said["shared"] == "statistics" and private:
        found.append(
            "DP-SGD cannot be played with batch norm over a client's own pictures; stored statistics were used."
        )
    return found


def _measures(said: dict[str, str]) -> list[str]:
    """What is not switched on yet."""
    found = ["together"] if said["together"] == "1" else []
    found += ["dp8"] if said["protection"] not in ("dp8", "dp1") and said["shared"] not in _PARTS else []
    found += ["head"] if said["shared"] not in _PARTS and said["protection"] == "none" else []
    return found + (["refuse"] if said["server"] == "dishonest" else [])


def _case(said: dict[str, str], threat: Threat, measure: str, pictures: int) -> Case:
    kind = said["network"]
    model, size = _NETWORKS[kind, said["size"] if kind == "transformer" else ""]
    if trains_normalised(said, measure):
        size = 48  # at 32 the last feature map is one position, which leaves batch norm over one picture nothing
    client = _client(said, measure, pictures)
    if threat == "rounds":
        client += f"{',' if ':' in client else ':'}rounds={ROUNDS}"
    known = ",labels=known" if said["shared"] == "adapter" else ""  # adapters do not show them
    attack = (
        "imprint" if threat == "imprint" else f"auto:iterations={effort(said, measure, pictures)},adaptive=true{known}"
    )
    changes: dict[str, Any] = {
        "model": f"{model},classes=10" if ":" in model else f"{model}:classes=10", "size": size, "channels": 3, "client": client,
        "server": {"fishing": "fishing", "imprint": "imprint"}.get(threat, "honest"), "defenses": _defenses(said, measure), "attack": attack,
    }  # fmt: skip
    some = SOLVED_LONG if trains_normalised(said, measure) else UPDATES
    return Case(threat, measure, pictures, FEWER if measure or pictures > MANY else some, changes)


def effort(said: dict[str, str], measure: str, pictures: int) -> int:
    """Gradients that the search for this many pictures may take."""
    if trains_normalised(said, measure):
        return min(_IN_TRAINING, max(_LEAST_IN_TRAINING, _PICTURES_IN_TRAINING // pictures))
    return max(_LEAST_EFFORT, _EFFORT[said["network"]] // pictures)


def _client(said: dict[str, str], measure: str, pictures: int) -> str:
    """What it does in a round, as on a command line."""
    parts = []
    together = 10 if measure == "together" else int(said["together"])
    steps = int(said["steps"])
    if together > 1 or steps > 1:
        parts += [f"epochs={steps}", f"clients={min(together, pictures)}"]
    if trains_normalised(said, measure):
        parts += ["batch_norm=train", "statistics=shared"]
    sent = "head" if measure == "head" else said["shared"]
    if sent in _PARTS:
        parts.append("trains=head" if sent == "head" else "trains=adapter,adapter_start=trained")
    if measure == "refuse":
        parts.append("refuses=true")
    if sent in _PARTS:  # it is played by one gradient: of one step that is the sum of the clients' changes
        parts = [part for part in parts if not part.startswith(("epochs", "clients"))]
    kind = "fedavg" if (together > 1 or steps > 1) and sent not in _PARTS else "fedsgd"
    return f"{kind}:{','.join(parts)}" if parts else kind


def trains_normalised(said: dict[str, str], measure: str) -> bool:
    """Whether batch norm goes by the client's own pictures; DP-SGD bounds single pictures, which that mixes."""
    private = measure == "dp8" or said["protection"] in ("dp8", "dp1")
    return said["shared"] == "statistics" and said["network"] == "residual" and not private


def _defenses(said: dict[str, str], measure: str) -> list[str]:
    found = {
        "none": [], "noise": ["percentile_noise:sigma0=0.1"], "pruning": ["pruning:fraction=0.9"], "dp8": [private(8.0)],
        "dp1": [private(1.0)],
    }[said["protection"]]  # fmt: skip
    if said["shared"] in _PARTS or measure == "head":
        return []  # see `unplayed`
    return [private(8.0)] if measure == "dp8" else found


@lru_cache(maxsize=8)
def private(wanted: float) -> str:
    """DP-SGD whose one round over all pictures of a client has this epsilon, by bisection of the accountant's."""
    low, high = 0.05, 50.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon(middle, 1.0, 1, DELTA) > wanted else (low, middle)
    return f"dp_sgd:noise_multiplier={round(high, 3)}"


@lru_cache(maxsize=1)
def _pictures() -> tuple[str, ...]:
    """Squares of the bundled medical pictures, of a different one each time."""
    rows = []
    for name, side in MEDICAL_SIDES.items():
        first, last = side // 4, side - side // 4 - _CROP  # the corners of a retina are black
        places = range(first, last + 1, (last - first) // 4)
        rows.append([f"bundled/{name}#crop={_CROP}x{_CROP}+{x}+{y}" for y in places for x in places])
    longest = max(map(len, rows))
    return tuple(row[i % len(row)] for i in range(longest) for row in rows)


def question(asked: Deployment) -> Sweep:
    """All cases as one sweep, each update an experiment of its own; its positions are those of `positions`."""
    refs, experiments = _pictures(), []
    for case in cases_of(asked):
        for update in range(case.updates):
            first = update * case.pictures
            samples = [refs[(first + k) % len(refs)] for k in range(case.pictures)]
            labels = [0, *(1 + k % 9 for k in range(case.pictures - 1))]  # one picture of the class that is fished for
            experiments.append(
                {**case.changes, "samples": samples, "labels": labels, "seed": update, "model.seed": 100 + update}
            )
    return build_sweep(
        {"name": "Check of a deployment", "question": "What can a server read back here?", "experiments": experiments}
    )


def positions(asked: Deployment) -> list[tuple[Case, range]]:
    """Each case with the positions of its experiments in the sweep."""
    found, first = [], 0
    for case in cases_of(asked):
        found.append((case, range(first, first + case.updates)))
        first += case.updates
    return found


def costs(asked: Deployment) -> Sweep | None:
    """What DP-SGD costs of accuracy: short federated trainings of a small network with and without; None where it is on already."""
    if settled(asked)["protection"] in ("dp8", "dp1"):
        return None
    return build_sweep({
        "name": "What protection costs", "question": "How much accuracy does DP-SGD cost?",
        "base": {"size": 20, "channels": 3, "model": "lenet:activation=tanh", "attack": "inverting_gradients:iterations=1"},
        "axes": [{"name": "defense", "path": "defenses", "values": [[], [private(8.0)]], "labels": ["none", "DP-SGD"]}],
        "utility": {"rounds": 40, "seeds": [0, 1, 2]},
    })  # fmt: skip
