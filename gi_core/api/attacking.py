"""`gi.attack`: what an update shows of the pictures behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from gi_core.api import asking, choosing
from gi_core.api.clients import ClientUpdate, Loss, loss_of, targets_of, tried
from gi_core.api.gradients import Given, checked
from gi_core.api.networks import Opened, Shape, opened
from gi_core.api.pictures import labels_of, shape_of
from gi_core.api.result import Result
from gi_core.api.running import Done, How, how, perform
from gi_core.common.errors import SpecError
from gi_core.networks import own_losses
from gi_core.settings import Experiment, problems
from gi_core.settings.base import Component
from gi_core.settings.bounds import MAX_BATCH
from gi_core.tensor_files import held

AUTO = "auto"


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


def attack(
    model: nn.Module | str, gradients: Any, input_shape: Any = None, *, images: int | None = None, labels: Any = None,
    loss: Loss | str | None = None, normalise: Any = None, attack: Any = AUTO, client: Any = None, defenses: Any = None,
    batch_norm: str | None = None, prior: str | None = None, classes: int | None = None, seed: int = 0,
    device: str = "auto", seconds: float | None = None, settings: dict[str, Any] | None = None, plan: Any = None,
    progress: bool = True, callback: Any = None, store: bool = False,
) -> Result:  # fmt: skip
    """Reconstruct the pictures behind an update (docs/python.md).

    model: the network before the round, a torch module, which is left as it is; or a network's name.
    gradients: what `torch.autograd.grad` gives, in the order of `named_parameters()`; a dictionary by name; the difference of two
        state dicts, with `client`; or what `gi.client` sent.
    input_shape: (C, H, W) of a picture.
    images: how many pictures are behind the update, 1 when left out.
    labels: (N,) class numbers where the server knows them, or the targets of `loss`.
    loss: (outputs, targets) -> scalar, or a name such as "mse"; cross-entropy when left out.
    normalise: how the network sees pixels, such as "imagenet" or (mean, std); as they are when left out.
    attack: "auto" tries the strongest that apply until one explains the update; or one by name, such as
        "levenberg_marquardt:iterations=30".
    client: how the client trained, such as "fedavg:epochs=1,learning_rate=0.1"; one gradient when left out.
    defenses: those that the server knows of, such as ["gaussian_noise:std=0.01"].
    batch_norm: "train" or "eval"; as the module is set when left out.
    prior: reference or path of a picture that the server takes to be like the private one.
    classes: outputs of a network's name.
    seed: of the attack's starts.
    device: auto, cpu, cuda or mps.
    seconds: of attacking, at most.
    settings: further ones by their dotted paths, such as {"attack.trials": 4}.
    plan: `result.plan` of a former run, which is then repeated bit for bit.
    progress: whether a bar is shown.
    callback: called with each step (`gi.Watched`); returning False ends the attack.
    store: whether the run is kept, so that the page shows it.

    Ctrl-C ends the attack with the best so far. Raises SpecError, one sentence, before anything runs where something does not fit.
    """
    asked = how(progress, callback, plan, store)
    with question_of(
        model, gradients, input_shape, images=images, labels=labels, loss=loss, normalise=normalise, client=client,
        defenses=defenses, batch_norm=batch_norm, classes=classes, seed=seed, device=device,
    ) as question:  # fmt: skip
        return performed(question, attack, asked, prior, seconds, settings)


def performed(
    question: Asked, attack: Any, asked: How, prior: str | None = None, seconds: float | None = None,
    settings: dict[str, Any] | None = None,
) -> Result:  # fmt: skip
    """The attack on an update that was asked. Raises SpecError."""
    if isinstance(attack, str) and attack == AUTO:
        return _strongest(question, asked, prior, seconds, settings)
    chosen = asking.component("attack", attack)
    return _told(question, _one(question, chosen, asked, prior, seconds, settings), ())


@contextmanager
def question_of(
    model: Any, gradients: Any, input_shape: Any, *, images: Any, labels: Any, loss: Any, normalise: Any, client: Any,
    defenses: Any, batch_norm: Any, classes: Any, seed: Any, device: Any,
) -> Iterator[Asked]:  # fmt: skip
    """The update as an experiment of what this process holds, until the block ends."""
    sent = gradients if isinstance(gradients, ClientUpdate) else None
    if sent is not None:
        input_shape = input_shape or sent.input_shape
        images, client = images or sent.images, client or sent.client
        normalise = sent.normalise if normalise is None else normalise
        defenses = sent.defenses if defenses is None else defenses
        loss = loss or sent.loss
    if input_shape is None:
        raise SpecError("an update does not say how large its pictures are: give input_shape, such as (3, 32, 32)")
    shape, count = shape_of(input_shape), _count(1 if images is None else images)
    function, name = loss_of(loss)
    targets = targets_of(labels, count) if function else None
    known = labels_of(labels, count) if function is None else (0,) * count
    with opened(model, shape, classes) as network:
        given = checked(network.given, _whole(sent)) if sent is not None else checked(network.given, gradients)
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
            own_losses.holding(function or _never, targets) as own,
        ):
            if function is not None:
                trained = trained.model_copy(update={"own_loss": own})
            trained = asking.with_named(trained, {k: v for k, v in wanted.items() if v})
            values = asking.held(
                network.settings, shape, known, count, client=trained, normalise=normalise, defenses=defenses, seed=seed,
                device=device,
            )  # fmt: skip
            yield Asked(
                values
                | {
                    "recorded": {
                        "checkpoint": checkpoint, "update": update, "images": count, "withheld": _named(given.withheld, network),
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


def _named(withheld: tuple[str, ...], network: Opened) -> list[str]:
    """Those of the parameters that the attack knows: a frozen one is a constant of the network."""
    own = dict(network.module.named_parameters())
    return [name for name in withheld if name in own]


def _count(images: Any) -> int:
    if isinstance(images, bool) or not isinstance(images, int) or not 1 <= images <= MAX_BATCH:
        raise SpecError(f"images is a whole number from 1 to {MAX_BATCH}, not {images!r}")
    return images


def _never(outputs: Tensor, targets: Tensor) -> Tensor:
    raise SpecError("this client has no loss of its own")


def _experiment(
    question: Asked, chosen: Component, prior: str | None, seconds: float | None, settings: dict[str, Any] | None
) -> Experiment:
    facts = _facts(question)
    labels = choosing.labels_for(str(chosen.kind), facts)
    allowed = asking.with_named(chosen, {**labels, "adaptive": bool(facts.defenses)})
    if prior is not None:
        if "prior" not in type(chosen).model_fields:
            raise SpecError(f"{chosen.title} starts from no prior picture: take attack='fl_gradient_inversion'")
        allowed = asking.with_named(allowed, {"prior": str(prior)})
    values = {**question.values, "attack": asking.document(allowed), "seconds": seconds}
    return asking.asked(values, settings)


def _facts(question: Asked) -> choosing.Facts:
    plain: Experiment = asking.asked(question.values, None)
    try:
        graph, why = question.network.graph(question.shape), ""
    except SpecError as error:
        graph, why = None, str(error)
    channels, height, width = question.shape
    return choosing.Facts(
        plain.model, plain.client, plain.defenses, question.images, question.images * channels * height * width,
        question.labels_known, graph, why,
    )  # fmt: skip


def _one(
    question: Asked, chosen: Component, asked: How, prior: str | None, seconds: float | None,
    settings: dict[str, Any] | None,
) -> Done:  # fmt: skip
    """One attack, run to its end."""
    experiment = _experiment(question, chosen, prior, seconds, settings)
    fatal = [p for p in problems(experiment) if p.fatal]
    if fatal:
        raise SpecError(fatal[0].reason)
    return perform(experiment, asked, apart=True)


def _told(question: Asked, done: Done, tried: tuple[str, ...]) -> Result:
    """The result, with what was said of network and update."""
    said = (*question.network.notices, *question.given.notices, *done.notices)
    return Result(replace(done, notices=tuple(dict.fromkeys(said))), tried)


def _strongest(
    question: Asked, asked: How, prior: str | None, seconds: float | None, settings: dict[str, Any] | None
) -> Result:
    """The attacks of the ladder in turn, until one explains the update or the seconds are over; the answer that explains most."""
    wanted, left = choosing.ladder(_facts(question))
    tried, found, spent = (
        [f"{one}: not tried, {why}" for one, _, why in (text.partition(": ") for text in left)],
        [],
        0.0,
    )
    for text in wanted:
        rest = None if seconds is None else seconds - spent
        if rest is not None and rest <= 0:
            tried.append(f"{text}: not tried, the {seconds:g} s are over")
            continue
        try:
            done = _one(
                question, asking.component("attack", text), asked, prior if _takes(text) else None, rest, settings
            )
        except SpecError as error:
            if len(wanted) == 1:
                raise
            tried.append(f"{text}: refused, {error}")
            continue
        result = _told(question, done, ())
        spent += result.seconds
        left_over = "an unknown share" if result.residual is None else f"{result.residual:.2g}"
        tried.append(f"{text}: {left_over} of the update left unexplained, in {result.seconds:.1f} s")
        found.append(result)
        if result.matched or result.status == "cancelled":
            break
    if not found:
        raise SpecError(f"no attack applies here: {'; '.join(tried)}")
    best = min(found, key=lambda one: float("inf") if one.residual is None else one.residual)
    best.tried = tuple(tried)
    return best


def _takes(text: str) -> bool:
    """Whether an attack has a prior picture."""
    return "prior" in type(asking.component("attack", text)).model_fields
