"""The update of a call as a question: what a person's program holds, named for as long as the question is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from gi_core.api import asking, choosing
from gi_core.api.clients import ClientUpdate, loss_of, targets_of, tried
from gi_core.api.gradients import Given, checked
from gi_core.api.networks import Opened, Shape, opened
from gi_core.api.pictures import labels_of, shape_of
from gi_core.common.errors import SpecError
from gi_core.networks import own_losses
from gi_core.networks.imprint import named_as_sent
from gi_core.settings import Experiment
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.servers import Server
from gi_core.tensor_files import held


@dataclass(frozen=True)
class Asked:
    """The update of a call and how the client made it, apart from the attack.

    values: of the experiment. network, given: checked. labels_known: whether the server has them.
    """

    values: dict[str, Any]
    network: Opened
    given: Given
    shape: Shape
    images: int
    labels_known: bool


@contextmanager
def question_of(
    model: Any, gradients: Any, input_shape: Any, *, images: Any, labels: Any, loss: Any, normalise: Any, client: Any,
    server: Any, defenses: Any, batch_norm: Any, classes: Any, seed: Any, device: Any,
) -> Iterator[Asked]:  # fmt: skip
    """The update as an experiment of what this process holds, until the block ends."""
    sent = gradients if isinstance(gradients, ClientUpdate) else None
    if sent is not None:
        input_shape = input_shape or sent.input_shape
        images, client = images or sent.images, client or sent.client
        normalise = sent.normalise if normalise is None else normalise
        server = sent.server if server is None else server
        defenses = sent.defenses if defenses is None else defenses
        loss = loss or sent.loss
    if input_shape is None:
        raise SpecError("an update does not say how large its pictures are: give input_shape, such as (3, 32, 32)")
    shape, count = shape_of(input_shape), _count(1 if images is None else images)
    function, name = loss_of(loss)
    targets = targets_of(labels, count) if function else None
    known = labels_of(labels, count) if function is None else (0,) * count
    with opened(model, shape, classes) as network:
        changed_by = asking.component("server", server or "honest")
        assert isinstance(changed_by, Server)
        received, trained_here = (named_as_sent(m, changed_by, shape) for m in (network.given, network.module))
        given = checked(received, gradients if sent is None else _whole(sent))
        tried(function, targets, network.module, shape, count)
        trained = asking.component("client", client or "fedsgd")
        if given.of_state and client is None:
            raise SpecError(
                "these are the differences of two state dicts, with batch norm's buffers: say how the client trained, such as"
                " client='fedavg:epochs=1,learning_rate=0.1'"
            )
        mode = sent.client.batch_norm if sent is not None else batch_norm or network.batch_norm  # type: ignore[attr-defined]
        shares = sent.statistics is not None if sent is not None else given.of_state
        wanted = {
            "batch_norm": batch_norm or mode,
            "loss": name,
            "statistics": "shared" if shares and mode == "train" else "",
        }
        with (
            held.holding(network.arrays()) as checkpoint,
            held.holding(given.arrays) as update,
            held.holding(_arrays(sent)) as statistics,
            own_losses.holding(function, targets) as own,
        ):
            if function is not None:
                trained = trained.model_copy(update={"own_loss": own})
            trained = asking.with_named(trained, {k: v for k, v in wanted.items() if v})
            values = asking.held(
                network.settings, shape, known, count, client=trained, normalise=normalise, defenses=defenses, seed=seed,
                device=device, server=server,
            )  # fmt: skip
            yield Asked(
                values
                | {
                    "recorded": {
                        "checkpoint": checkpoint, "update": update, "images": count, "withheld": _named(given.withheld, trained_here),
                        "statistics": statistics if sent is not None and sent.statistics else None,
                    },
                },
                network, given, shape, count, labels is not None,
            )  # fmt: skip


def _whole(sent: ClientUpdate) -> dict[str, Tensor | None]:
    """What a client sent, None for what it withheld."""
    return {name: None if name in sent.withheld else t for name, t in sent.tensors.items()}


def _arrays(sent: ClientUpdate | None) -> dict[str, np.ndarray]:
    """Batch norm's statistics that a client shared."""
    return {k: t.float().numpy() for k, t in (sent.statistics or {}).items()} if sent is not None else {}


def _named(withheld: tuple[str, ...], trained: nn.Module) -> list[str]:
    """Those of the parameters that the attack knows: a frozen one is a constant of the network."""
    own = dict(trained.named_parameters())
    return [name for name in withheld if name in own]


def _count(images: Any) -> int:
    if isinstance(images, bool) or not isinstance(images, int) or not 1 <= images <= MAX_BATCH:
        raise SpecError(f"images is a whole number from 1 to {MAX_BATCH}, not {images!r}")
    return images


def facts_of(question: Asked) -> choosing.Facts:
    """What decides where labels come from."""
    plain: Experiment = asking.asked(question.values, None)
    return choosing.Facts(plain.model, plain.client, plain.defenses, question.images, question.labels_known)
