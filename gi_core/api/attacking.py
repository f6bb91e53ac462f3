"""`gi.attack`: what an update shows of the pictures behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from gi_core.api import asking, choosing
from gi_core.api.clients import Loss
from gi_core.api.questions import Asked, facts_of, question_of
from gi_core.api.result import Result
from gi_core.api.running import Done, How, how, perform
from gi_core.common.errors import SpecError
from gi_core.experiments.setup import check
from gi_core.settings import Experiment
from gi_core.settings.base import Component

AUTO = "auto"


def attack(
    model: nn.Module | str, gradients: Any, input_shape: Any = None, *, images: int | None = None, labels: Any = None,
    loss: Loss | str | None = None, normalise: Any = None, attack: Any = AUTO, client: Any = None, server: Any = None, defenses: Any = None,
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
    attack: "auto" tries what applies, the strongest first, until one explains the update; or one by name, such as
        "levenberg_marquardt:iterations=30".
    client: how the client trained, such as "fedavg:epochs=1,learning_rate=0.1"; one gradient when left out.
    server: what it sent in place of the model, such as "fishing:class=3"; the model itself when left out.
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
        server=server, defenses=defenses, batch_norm=batch_norm, classes=classes, seed=seed, device=device,
    ) as question:  # fmt: skip
        return performed(question, attack, asked, prior, seconds, settings)


def performed(
    question: Asked, attack: Any, asked: How, prior: str | None = None, seconds: float | None = None,
    settings: dict[str, Any] | None = None,
) -> Result:  # fmt: skip
    """The attack on an update that was asked. Raises SpecError."""
    chosen = asking.component("attack", attack)
    return _told(question, _one(question, chosen, asked, prior, seconds, settings))


def _experiment(
    question: Asked, chosen: Component, prior: str | None, seconds: float | None, settings: dict[str, Any] | None
) -> Experiment:
    facts = facts_of(question)
    labels = choosing.labels_for(str(chosen.kind), facts)
    allowed = asking.with_named(chosen, {**labels, "adaptive": bool(facts.defenses)})
    if prior is not None:
        if "prior" not in type(chosen).model_fields:
            raise SpecError(f"{chosen.title} starts from no prior picture: take attack='fl_gradient_inversion'")
        allowed = asking.with_named(allowed, {"prior": str(prior)})
    values = {**question.values, "attack": asking.document(allowed), "seconds": seconds}
    return asking.asked(values, settings)


def _one(
    question: Asked, chosen: Component, asked: How, prior: str | None, seconds: float | None,
    settings: dict[str, Any] | None,
) -> Done:  # fmt: skip
    """One attack, run to its end."""
    experiment = _experiment(question, chosen, prior, seconds, settings)
    check(experiment)
    return perform(experiment, asked, apart=True)


def _told(question: Asked, done: Done) -> Result:
    """The result, with what was said of network and update."""
    said = (*question.network.notices, *question.given.notices, *done.notices)
    return Result(replace(done, notices=tuple(dict.fromkeys(said))))
