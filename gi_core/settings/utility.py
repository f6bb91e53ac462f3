"""How well a network learns where clients are defended: a short federated training, as settings."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from gi_core.settings.base import Settings, setting
from gi_core.settings.client import FedAvg
from gi_core.settings.experiment import Experiment
from gi_core.settings.federation import MAX_CLIENTS, MAX_PICTURES, MAX_ROUNDS, Federation

HELD = {"faces": 180, "bundled": 1100}
"""Training pictures of the bundled data sets: all clients together have no more."""
_Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Training(Settings):
    """The training that accuracy is measured by; the same for every defense that is compared."""

    data: str = setting(
        "bundled",
        "Whose pictures the clients hold: faces, bundled (crops), mnist, fashion_mnist, cifar10, cifar100, npz:FILE or"
        " folder:PATH.",
        title="Data",
        basic=True,
        min_length=1,
    )
    clients: int = setting(5, "Clients of the federation.", title="Clients", ge=1, le=MAX_CLIENTS)
    pictures: int = setting(60, "Pictures of each client.", title="Pictures", ge=1, le=MAX_PICTURES)
    rounds: int = setting(80, "Rounds of training.", title="Rounds", basic=True, ge=1, le=MAX_ROUNDS)
    batch_size: int = setting(
        8, "Pictures of one gradient, or of a local step of a client that does not say.", title="Batch size", ge=1,
        le=MAX_PICTURES,
    )  # fmt: skip
    server_rate: float = setting(
        0.02, "Step size of the server for gradients; weight changes are taken as they are.", title="Step size", gt=0,
        le=10,
    )  # fmt: skip
    server_momentum: float = setting(
        0.9, "Share of its last move that the server adds to the next.", title="Momentum", ge=0, lt=1
    )
    seeds: tuple[_Seed, ...] = setting(
        (0, 1, 2), "One training for each seed; the spread over them is shown.", title="Seeds", min_length=1,
        max_length=20,
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_them(self) -> Self:
        held, asked = HELD.get(self.data, self.clients * self.pictures), self.clients * self.pictures
        if asked > held:
            most = held // self.clients
            raise ValueError(
                f"{self.data} has {held} training pictures, not {self.clients} x {self.pictures}: set pictures to {most} or"
                " fewer"
            )
        return self


def federation_of(experiment: Experiment, training: Training, seed: int) -> Federation:
    """The training of the experiment's network with the experiment's defenses switched on, without an attack.

    Each client does what the attacked one does, so that a noise of 0.1 is the same noise here: it sends one gradient, or
    takes as many local steps at the same rate. Only its pictures are more.
    """
    client = experiment.client
    if isinstance(client, FedAvg):
        own: dict[str, Any] = {"client": _training(client, experiment, training)}
    else:
        own = {"client": client, "batch": training.batch_size, "server_rate": training.server_rate}
    return Federation(
        **own, data=training.data, clients=training.clients, pictures=(training.pictures,), rounds=training.rounds,
        size=experiment.size, channels=experiment.channels, normalise=experiment.normalise,
        model=experiment.model.model_copy(update={"seed": seed}), defenses=experiment.defenses,
        server_momentum=training.server_momentum, attack=None, record="none", seed=seed, device=experiment.device,
    )  # fmt: skip


def _training(client: FedAvg, experiment: Experiment, training: Training) -> FedAvg:
    """The same number of steps at the same rate, on the pictures of the training."""
    steps, _ = client.local_steps(experiment.pictures)
    size = client.batch_size or training.batch_size
    epochs = min(50, -(-steps // -(-training.pictures // size)))
    return client.model_copy(update={"clients": 1, "batch_size": size, "steps": steps, "epochs": epochs})
