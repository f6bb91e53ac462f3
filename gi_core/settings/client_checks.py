"""Which settings of a client fit each other, the network and the attack: a sentence for each that does not. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.attacks import Auto, ClosedForm, Matching
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.client import FedAvg
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.experiment import Experiment
from gi_core.settings.imprint_attacks import ReadBins
from gi_core.settings.partial_attacks import TrainedPart

Found = tuple[str, str, bool]
"""(field, reason, whether it refuses)."""

SIGN_ONLY = 1e-5
"""Adam's epsilon below which a first step is a sign: gradients of these networks are far larger."""

SEVERAL_OF_SEVERAL = (
    "which labels the pictures of a batch have does not show where each may have several: choose known or joint labels"
)


def one_gradient_only(title: str) -> str:
    """Why an attack that does not play local steps refuses a round of several."""
    return (
        f"{title} works on one gradient, and this client takes several steps, adds up clients or batches, clips, or steps"
        " by Adam: choose an attack that matches by simulation, such as Inverting Gradients, or one step of SGD"
    )


def client_conflicts(e: Experiment) -> Iterator[Found]:
    yield from (_own_loss(e) if e.client.own_loss else _loss(e))
    yield from _kinds_of_labels(e)
    yield from _dropout(e)
    if e.client.trains != "all":
        yield from _partial(e)
    if e.client.rounds > 1:
        yield from _rounds(e)
    if isinstance(e.client, FedAvg):
        yield from _steps(e, e.client)
        yield from _optimiser(e.client, e.client.local_steps(e.pictures)[0])


def _loss(e: Experiment) -> Iterator[Found]:
    model, client = e.model, e.client
    name = client.loss if client.loss != "auto" else "logistic" if model.one_logit else "cross_entropy"
    if client.loss == "logistic" and not model.one_logit:
        yield "client.loss", f"the logistic loss needs one output, and {model.title} has one for each class", True
    if client.loss == "cross_entropy" and model.one_logit:
        yield "client.loss", "cross-entropy of one output is always zero: choose auto, logistic or mse", True
    if client.loss == "multi_label" and model.one_logit:
        yield "client.loss", "several labels need an output for each class: choose auto, logistic or mse", True
    if client.label == "reversed" and not model.one_logit:
        yield "client.label", f"a reversed label needs one output, and {model.title} has one for each class", True
    if client.label_smoothing and name != "cross_entropy":
        yield "client.label_smoothing", "label smoothing is of cross-entropy: choose that loss, or 0", True
    weights = client.weights_of_classes
    if weights and name not in ("cross_entropy", "multi_label"):
        yield "client.class_weights", "classes have weights in cross-entropy and multi_label: leave them empty", True
    if weights and model.classes and len(weights) != model.classes and not model.one_logit:
        yield "client.class_weights", f"give a weight for each of {model.classes} classes, not {len(weights)}", True
    if weights and name == "cross_entropy" and e.labels and any(k < len(weights) and not weights[k] for k in e.labels):
        yield "client.class_weights", "a picture of a class without weight adds nothing to the update", False
    changed = client.label_smoothing or weights or client.reduction == "sum" or client.loss_scale != 1
    if changed and any("bottleneck" in d.perturbs for d in e.defenses):
        yield "client.loss", (
            "PRECODE adds its own term to a plain mean loss: leave smoothing, class weights, reduction and loss scale as"
            " they are"
        ), True  # fmt: skip
    if (weights or client.label_smoothing) and any("mixture" in d.perturbs for d in e.defenses):
        yield "client.class_weights", "mixed labels are neither smoothed nor weighed here: choose one of the two", True
    if changed and any("direction" in d.perturbs for d in e.defenses):
        yield (
            "defenses",
            "the protective direction is found for a plain mean loss: leave the client's loss as it is",
            True,
        )
    if isinstance(e.attack, ClosedForm) and not e.model.last_bias and name == "cross_entropy":
        if client.label_smoothing or (weights and client.reduction == "sum"):
            yield "attack", (
                f"{e.attack.title} reads dL/dlogits of a network without a last bias off the plain loss: choose an attack"
                " that matches, or no label smoothing and class weights"
            ), True  # fmt: skip


def _own_loss(e: Experiment) -> Iterator[Found]:
    """A loss that a Python program holds sees all pictures of the update at once, in their order."""
    client = e.client
    if isinstance(e.attack, ClosedForm) and e.attack.reads_loss:
        yield "attack", f"{e.attack.title} begins at a loss that it knows: choose an attack that matches", True
    if isinstance(client, FedAvg) and (client.clients > 1 or client.local_steps(e.pictures)[1] < e.pictures):
        yield "client.batch_size", (
            "a loss of your own has the targets of all pictures, so each step takes all of them: leave batch_size empty"
        ), True  # fmt: skip
    changed = client.label_smoothing or client.class_weights or client.more_labels or client.reduction == "sum"
    if changed or client.loss_scale != 1:
        yield "client.loss", "a loss of your own is taken as it is: put smoothing, weights and scale into it", True
    within = [d.title for d in e.defenses if d.hook != "filter_update" or "per_picture" in d.reveals]
    if within:
        yield (
            "defenses",
            f"{within[0]} acts on single pictures or labels, and a loss of your own sees all at once",
            True,
        )


def _kinds_of_labels(e: Experiment) -> Iterator[Found]:
    client, attack = e.client, e.attack
    if client.loss != "multi_label":
        if client.more_labels:
            yield "client.more_labels", "further labels are those of client.loss=multi_label: choose that loss", True
        return
    if len(client.further_labels) > e.pictures:
        yield "client.more_labels", (
            f"it speaks of {len(client.further_labels)} pictures, and there are {e.pictures}: put a slash between two"
        ), True  # fmt: skip
    if isinstance(attack, ClosedForm) and not e.model.last_bias:
        yield "attack", f"{attack.title} needs a last bias where a picture may have several labels", True
    reading = attack.labels not in ("known", "joint", "infer")
    if e.pictures > 1 and reading:
        yield "attack.labels", SEVERAL_OF_SEVERAL, True


def _dropout(e: Experiment) -> Iterator[Found]:
    if not e.client.dropout:
        return
    if isinstance(e.attack, ClosedForm):
        yield "attack", (
            f"{e.attack.title} goes back through every feature, and this client dropped some: choose an attack that"
            " matches, or client.dropout=0"
        ), True  # fmt: skip
    if any(d.by_features for d in e.defenses):
        yield "client.dropout", "this defense works on the features that dropout drops: choose one of the two", True


def _partial(e: Experiment) -> Iterator[Found]:
    """A client that trains adapters or the head alone."""
    what = "adapters" if e.client.trains == "adapter" else "the head"
    if e.recorded is not None:
        yield "client.trains", "of a recorded round the files say what was sent: set client.trains to all", True
    if isinstance(e.client, FedAvg):
        yield "client.trains", f"{what} alone are trained here by one gradient: choose client fedsgd", True
    if e.server.changes:
        yield (
            "client.trains",
            "a server that changes the network is played where all of it trains: set client.trains to all",
            True,
        )
    if e.defenses:
        yield (
            "client.trains",
            f"defenses are played where all of the network trains, not {what} alone: leave them out",
            True,
        )
    if isinstance(e.attack, ClosedForm) and not isinstance(e.attack, TrainedPart):
        yield (
            "attack",
            f"{e.attack.title} reads layers that this client does not send: choose an attack that matches",
            True,
        )
    if (
        e.client.trains == "adapter"
        and e.attack.labels not in ("known", "joint")
        and not isinstance(e.attack, TrainedPart)
    ):
        yield "attack.labels", "adapters do not show the label by themselves: choose known or joint labels", True


def _rounds(e: Experiment) -> Iterator[Found]:
    """Several updates of the same pictures."""
    client, changed = (
        e.client,
        [d.title for d in e.defenses if set(d.perturbs) & {"mixture", "bottleneck", "direction"}],
    )
    if e.recorded is not None:
        yield "client.rounds", "recorded rounds are attacked one at a time: set client.rounds to 1", True
    if e.server.changes:
        yield "client.rounds", "a server that changes the network is played for one round: set client.rounds to 1", True
    if changed:
        yield "client.rounds", f"{changed[0]} is played for one round: set client.rounds to 1, or leave it out", True
    steps, size = client.local_steps(e.pictures) if isinstance(client, FedAvg) else (1, e.pictures)
    if isinstance(client, FedAvg) and (steps > 1 or size < e.pictures or client.clients > 1 or client.accumulate > 1):
        yield "client.rounds", (
            "rounds are taken together where each is one step on all pictures: set epochs to 1 and clients to 1, and leave"
            " batch_size empty"
        ), True  # fmt: skip
    if not e.attack.stacks:
        yield "attack", last_of(e.attack.title, client.rounds), False


def last_of(title: str, rounds: int) -> str:
    """What an attack on one update does with several."""
    return (
        f"{title} takes one update, so the last of the {rounds} is attacked: choose Levenberg-Marquardt or an attack that"
        " matches to take them together"
    )


def _steps(e: Experiment, client: FedAvg) -> Iterator[Found]:
    steps, size = client.local_steps(e.pictures)
    clipped = client.clip_norm is not None or client.clip_value is not None
    several = steps > 1 or client.optimiser != "sgd" or client.clients > 1 or client.accumulate > 1 or clipped
    if several and not isinstance(e.attack, Auto | Matching | ReadBins | Spear | Transformer) and e.recorded is None:
        yield "attack", one_gradient_only(e.attack.title), True
    if client.clients > e.pictures:
        yield "client.clients", f"{e.pictures} pictures cannot be dealt out among {client.clients} clients", True
    if any("direction" in d.perturbs for d in e.defenses):
        yield "defenses", "the protective direction is found for one gradient: choose client fedsgd", True
    if client.accumulate > 1 and any("per_picture" in d.reveals for d in e.defenses):
        yield (
            "client.accumulate",
            "DP-SGD adds its noise to each batch, so its promise is for accumulate=1: set it",
            True,
        )
    if client.accumulate > 1 and -(-e.pictures // client.clients) <= size:
        yield "client.accumulate", "an epoch has one batch, so nothing is added up but divided: set a batch size", False


def _optimiser(client: FedAvg, steps: int) -> Iterator[Found]:
    adam = client.optimiser != "sgd"
    if adam and client.momentum:
        yield "client.momentum", "Adam has its own momentum: set momentum to 0", False
    if adam and client.epsilon < SIGN_ONLY and steps > 1:
        yield "client.optimiser", (
            "Adam's first step is little more than signs, so the picture is in how the later ones differ: take Inverting"
            " Gradients with 2,000 iterations or more, as second-order searches get nowhere"
        ), False  # fmt: skip
    elif adam and client.epsilon < SIGN_ONLY:
        yield "client.optimiser", (
            "Adam divides each value's gradient by its own size, so that little more than signs is sent: expect a poor"
            " picture, which is no guarantee"
        ), False  # fmt: skip
    if adam and client.nesterov:
        yield "client.nesterov", "Nesterov's momentum is SGD's: choose optimiser=sgd", True
    if not adam and client.nesterov and (not client.momentum or client.dampening):
        yield "client.nesterov", "Nesterov's form needs momentum above 0 and no dampening", True
    if client.dampening and (adam or not client.momentum):
        yield "client.dampening", "dampening changes SGD's momentum, and there is none", False
    if client.decay in ("step", "exponential", "linear") and client.decay_factor == 0:
        yield "client.decay_factor", f"a {client.decay} schedule needs a factor above 0", True
    if client.decay == "linear" and client.decay_factor > 1:
        yield "client.decay_factor", "a linear schedule ends at 1 times the learning rate at most", True
    if client.decay_start != 1 and client.decay != "linear":
        yield "client.decay_start", "the first rate is set in a linear schedule only", False
    if client.clip_norm is not None and client.clip_value is not None:
        yield "client.clip_value", "choose one way to clip a step's gradient: clip_norm or clip_value", True
