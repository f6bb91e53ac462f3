"""How well a network learns where clients are defended: a short federated training, as settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gi_core.spec.base import Settings, setting
from gi_core.spec.client import FedAvg
from gi_core.spec.experiment import Experiment
from gi_core.spec.federation import MAX_CLIENTS, MAX_PICTURES, MAX_ROUNDS, Federation

_Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Training(Settings):
    """The training that accuracy is measured by; the same for every defense that is compared."""

    data: str = setting(
        "faces",
        "Whose pictures the clients hold: faces, bundled (crops), mnist, fashion_mnist, cifar10, cifar100, npz:FILE or"
        " folder:PATH.",
        title="Data",
        basic=True,
        min_length=1,
    )
    clients: int = setting(5, "Clients of the federation.", title="Clients", ge=1, le=MAX_CLIENTS)
    pictures: int = setting(30, "Pictures of each client.", title="Pictures", ge=1, le=MAX_PICTURES)
    rounds: int = setting(10, "Rounds of training.", title="Rounds", basic=True, ge=1, le=MAX_ROUNDS)
    epochs: int = setting(1, "Passes of each client over its pictures in a round.", title="Epochs", ge=1, le=50)
    batch_size: int | None = setting(8, "Pictures in a step; all of them when empty.", title="Batch size", ge=1)
    learning_rate: float = setting(0.1, "Step size of the clients.", title="Learning rate", gt=0, le=10)
    seeds: tuple[_Seed, ...] = setting(
        (0, 1, 2),
        "One training for each seed; the spread over them is shown.",
        title="Seeds",
        min_length=1,
        max_length=20,
    )


def federation_of(experiment: Experiment, training: Training, seed: int) -> Federation:
    """The training of the experiment's network with the experiment's defenses switched on, without an attack."""
    client = experiment.client
    return Federation(
        data=training.data, clients=training.clients, pictures=(training.pictures,), rounds=training.rounds,
        size=experiment.size, channels=experiment.channels, normalise=experiment.normalise, model=experiment.model,
        client=FedAvg(
            epochs=training.epochs, batch_size=training.batch_size, learning_rate=training.learning_rate,
            batch_norm=client.batch_norm, statistics=client.statistics, loss=client.loss,
        ),
        defenses=experiment.defenses, attack=None, record="none", seed=seed, device=experiment.device,
    )  # fmt: skip
