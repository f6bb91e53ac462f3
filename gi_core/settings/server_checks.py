"""What does not go with a server that changes the network, and the question as its attack then has it. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings import imprint_checks, trap_checks
from gi_core.settings.client import FedAvg
from gi_core.settings.experiment import Experiment
from gi_core.settings.servers import Fishing, Imprint, Trap

Found = tuple[str, str, bool]
"""(field, reason, whether it refuses)."""

SEVERAL_STEPS = (
    "fishing is exact for one local step of SGD on all of a client's pictures; after it the head is no longer the server's, so"
    " this round comes back as that of the whole batch: choose one step, or server=honest"
)
MIXES = (
    "batch norm in train mode mixes the pictures of a batch, so the fished gradient is approximate: expect a poor picture, or"
    " choose client.batch_norm=eval"
)


def one_step(e: Experiment) -> bool:
    """Whether the client sends one gradient of all its pictures, or a known factor times one."""
    client = e.client
    if not isinstance(client, FedAvg):
        return True
    steps, size = client.local_steps(e.pictures)
    clipped = client.clip_norm is not None or client.clip_value is not None
    whole = size == -(-e.pictures // client.clients)
    return steps == 1 and whole and client.optimiser == "sgd" and client.accumulate == 1 and not clipped


def as_attacked(e: Experiment) -> Experiment:
    """The question as the attack has it: of a fished round one gradient of one picture, or few; else as it is."""
    if not isinstance(e.server, Fishing) or not one_step(e):
        return e
    one = {"recorded": e.recorded.model_copy(update={"images": 1})} if e.recorded else {"samples": e.samples[:1]}
    client = e.client.model_copy(update={"clients": 1}) if isinstance(e.client, FedAvg) else e.client
    labels = e.labels and e.labels[:1]
    return e.model_copy(update={**one, "client": client, "labels": labels})


def server_conflicts(e: Experiment) -> Iterator[Found]:
    """What refuses a server that changes the network, and what makes what comes back less than exact."""
    if isinstance(e.server, Fishing):
        yield from _fishing(e, e.server)
    elif isinstance(e.server, Imprint):
        yield from imprint_checks.of_server(e, e.server, one_step(e))
    elif isinstance(e.server, Trap):
        yield from trap_checks.of_server(e, one_step(e))


def _fishing(e: Experiment, server: Fishing) -> Iterator[Found]:
    client = e.client
    model = e.model
    if model.one_logit or client.loss not in ("auto", "cross_entropy") or client.own_loss:
        yield (
            "server",
            "fishing is of a network with an output for each class and cross-entropy: choose server=honest",
            True,
        )
        return
    if not model.last_bias:
        yield "server", "fishing changes the last layer's bias, and this network has none: choose server=honest", True
    if server.of_class is not None and model.classes and server.of_class >= model.classes:
        yield "server.of_class", (
            f"the server fishes for class {server.of_class}, and the network has classes 0 to {model.classes - 1}"
        ), True  # fmt: skip
    if server.of_class is None and e.recorded is not None and e.labels is None:
        yield "server.of_class", "say for which class the server fished: set server.of_class", True
    if e.labels is not None and server.of_class is not None and server.of_class not in e.labels:
        yield "server.of_class", (
            f"no picture has class {server.of_class}, so the server would fish in vain: choose one of"
            f" {', '.join(str(k) for k in sorted(set(e.labels)))}"
        ), True  # fmt: skip
    if client.label_smoothing or client.weights_of_classes:
        yield "server", (
            "smoothed labels and class weights give every picture a share of the fished class: leave them out, or choose"
            " server=honest"
        ), True  # fmt: skip
    for defense in e.defenses:
        if {"bottleneck", "mixture"} & set(defense.perturbs):
            yield "server", (
                f"{defense.title} blends what the last layer is given, so there is no one picture to fish: choose"
                " server=honest, or another defense"
            ), True  # fmt: skip
    if not one_step(e):
        yield "server", SEVERAL_STEPS, False
    elif client.batch_norm == "train" and model.has_batch_norm:
        yield "client.batch_norm", MIXES, False
