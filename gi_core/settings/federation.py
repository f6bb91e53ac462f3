"""A federation over rounds, as settings: who has which pictures, how they train, and whom the server attacks."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from gi_core.common.errors import SpecError
from gi_core.settings import normalising, sizes
from gi_core.settings.attacks import AnyAttack, Auto
from gi_core.settings.base import Question, setting
from gi_core.settings.client import AnyClient, FedAvg
from gi_core.settings.defenses import AnyDefense
from gi_core.settings.documents import read_json, read_toml
from gi_core.settings.experiment import Experiment
from gi_core.settings.networks import AnyModel, LeNet
from gi_core.settings.sentences import made
from gi_core.settings.servers import AnyServer, Honest

MAX_CLIENTS, MAX_PICTURES, MAX_ROUNDS = 100, 100_000, 1000
_Count = Annotated[int, Field(ge=1, le=MAX_PICTURES)]
_Number = Annotated[int, Field(ge=1, le=MAX_CLIENTS)]


class Federation(Question):
    """data + partition + network + clients + server + attack: the whole question. Clients are counted from 1."""

    schema_version: Literal[1] = 1
    data: str = setting(
        "faces",
        "Whose pictures the clients hold: faces, bundled (crops), mnist, fashion_mnist, cifar10, cifar100, npz:FILE or"
        " folder:PATH.",
        title="Data",
        basic=True,
        min_length=1,
    )
    clients: int = setting(5, "Clients of the federation.", title="Clients", basic=True, ge=1, le=MAX_CLIENTS)
    pictures: tuple[_Count, ...] = setting(
        (40,), "Pictures of each client: one number for all, or a list with one for each.", title="Pictures",
        min_length=1,
    )  # fmt: skip
    partition: Literal["iid", "dirichlet"] = setting(
        "iid", "How pictures are dealt out: all alike, or with classes of each client drawn from Dirichlet(alpha).",
        title="Partition", basic=True,
    )  # fmt: skip
    alpha: float = setting(
        0.5, "Of the Dirichlet partition: the smaller, the fewer classes a client has.", title="Alpha", gt=0, le=1000
    )
    size: sizes.Size | None = setting(None, sizes.HELP)
    channels: Literal[1, 3] | None = setting(None, "Grey (1) or colour (3); as they are when empty.")
    normalise: str = setting("none", normalising.HELP)
    rounds: int = setting(5, "Rounds of the federation.", title="Rounds", basic=True, ge=1, le=MAX_ROUNDS)
    participation: float = setting(
        1.0, "Share of the clients that take part in a round, drawn anew each time.", title="Participation", gt=0, le=1
    )
    model: AnyModel = LeNet(activation="tanh")
    client: AnyClient = FedAvg(learning_rate=0.1, batch_size=8)
    batch: int | None = setting(
        None, "Of clients that send one gradient: its pictures, drawn anew in each round; all when empty.", ge=1,
        le=MAX_PICTURES,
    )  # fmt: skip
    server_rate: float = setting(
        1.0, "By how much of the clients' mean the server moves the network.", title="Server's step size", gt=0, le=10
    )
    server_momentum: float = setting(
        0.0, "Share of its last move that the server adds to the next.", title="Server's momentum", ge=0, lt=1
    )
    server: AnyServer = setting(
        Honest(),
        "What the server sends to the clients that it attacks, in the rounds in which it does.",
        title="Server",
        added=True,
    )
    defenses: tuple[AnyDefense, ...] = ()
    attack: AnyAttack | None = Auto(iterations=1200, labels="known")
    attacked: tuple[_Number, ...] = setting(
        (), "Clients whose updates the server attacks, counted from 1; the one with the fewest pictures when empty."
    )
    attack_every: int = setting(
        1, "Attack in every so many rounds, from the first.", title="Attack every", ge=1, le=MAX_ROUNDS
    )
    together: bool = setting(
        False,
        "Whether the server takes all updates that a client under attack has sent so far together, each at the network before"
        " it.",
        title="Take a client's rounds together",
        added=True,
    )
    attack_seconds: float | None = setting(None, "Stop each attack after this long.", gt=0, le=86400)
    record: Literal["attacked", "all", "none"] = setting(
        "attacked", "Whose updates are written as files, with the network before the round.", title="Recorded updates"
    )
    seed: int = setting(0, "Seed of partition, participation, training, noise and attacks.", ge=0, le=2**31 - 1)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @field_validator("pictures", mode="before")
    @classmethod
    def _one_number_for_all(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    _size = field_validator("size", mode="before")(sizes.parsed)
    _normalise = field_validator("normalise")(normalising.checked)

    @field_validator("client", mode="before")
    @classmethod
    def _trains_if_not_said(cls, value: Any) -> Any:
        """Clients of a federation train; those that send one gradient are named by their kind."""
        return {"kind": "fedavg", **value} if isinstance(value, dict) else value

    @property
    def shares(self) -> tuple[int, ...]:
        """Pictures of each client."""
        return self.pictures * self.clients if len(self.pictures) == 1 else self.pictures

    @property
    def victims(self) -> tuple[int, ...]:
        """Numbers of the attacked clients, ascending."""
        if self.attack is None:
            return ()
        shares = self.shares
        return tuple(sorted(set(self.attacked))) or (shares.index(min(shares)) + 1,)

    def attacks_in(self, number: int) -> bool:
        """Whether the server attacks in the round of that number, counted from 1."""
        return self.attack is not None and (number - 1) % self.attack_every == 0

    @property
    def title(self) -> str:
        """Data, clients, rounds and attack, for a list of jobs."""
        attack = "no attack" if self.attack is None else self.attack.kind.replace("_", " ")
        return f"{self.data} · {self.clients} clients · {self.rounds} rounds · {attack}"


def build_federation(values: dict[str, Any]) -> Federation:
    """A Federation from plain values. Raises SpecError with one sentence."""
    return made(Federation, values, "the federation is not valid: ")


def read_federation(content: bytes, toml: bool) -> Federation:
    """Read a federation from the bytes of a TOML or JSON file. Raises SpecError with one sentence."""
    values = (read_toml if toml else read_json)(content, what="the file")
    if not isinstance(values, dict):
        raise SpecError("the file holds no settings of a federation: write names with values, such as rounds = 5")
    return build_federation(values)


def client_seed(settings: Federation, number: int, client: int) -> int:
    """Seed of what a client draws in a round; unrelated for different arguments."""
    text = f"client {client} in round {number} of federation {settings.seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def round_of(settings: Federation, pictures: int = 1, seed: int = 0) -> Experiment:
    """One client's round as an Experiment; its samples only count the pictures, they do not name them."""
    more = {} if settings.attack is None else {"attack": settings.attack}
    return Experiment(
        samples=("bundled/faces:0",) * pictures, size=settings.size, channels=settings.channels,
        normalise=settings.normalise, model=settings.model, client=settings.client, server=settings.server, defenses=settings.defenses,
        seed=seed, device=settings.device, seconds=settings.attack_seconds, **more,
    )  # fmt: skip
