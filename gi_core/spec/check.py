"""Refusals that need no computation: capabilities an attack lacks, parts that do not fit.

The form greys out with the same sentences that the command line prints.
"""

from __future__ import annotations

from dataclasses import dataclass

from gi_core.spec.attacks import InvertingGradients, LevenbergMarquardt
from gi_core.spec.client import Pretrained
from gi_core.spec.experiment import Experiment


@dataclass(frozen=True)
class Problem:
    """field: dotted path in the Experiment. reason: a sentence. fatal: refuses, else a warning."""

    field: str
    reason: str
    fatal: bool = True


def problems(experiment: Experiment) -> list[Problem]:
    """What is wrong with the question as asked, worst first; empty when it can be run."""
    found = [*_batch(experiment), *_labels(experiment), *_model(experiment)]
    return sorted(found, key=lambda p: not p.fatal)


def _batch(e: Experiment):
    n = len(e.samples)
    if e.labels is not None and len(e.labels) != n:
        yield Problem("labels", f"give one label for each picture: {n}, not {len(e.labels)}")
    if n > 1 and e.attack.labels in ("idlg", "bias_sign", "observed_delta"):
        yield Problem(
            "attack.labels",
            f"label strategy {e.attack.labels} reads one label; for {n} pictures choose known"
            + ("" if isinstance(e.attack, LevenbergMarquardt) else " or joint"),
        )


def _labels(e: Experiment):
    if e.attack.labels == "known" and not e.client.labels_known:
        yield Problem(
            "attack.labels",
            "the server does not know the labels: switch client.labels_known on or choose another label strategy",
        )


def _model(e: Experiment):
    model = e.model
    if e.size is not None and e.size < model.min_size:
        yield Problem("size", f"{model.title} needs pictures of at least {model.min_size} pixels, not {e.size}")
    if model.channels_only is not None and e.channels not in (None, model.channels_only):
        yield Problem("channels", f"{model.title} takes pictures of {model.channels_only} channels, not {e.channels}")
    if isinstance(e.weights, Pretrained) and not model.pretrained:
        yield Problem("weights", f"there are no ImageNet weights for {model.title}")
    if model.kind == "vit":
        if model.hidden % model.heads:
            yield Problem("model.heads", f"{model.heads} heads do not divide the hidden size {model.hidden}")
        if e.size is not None and e.size % model.patch:
            yield Problem("model.patch", f"a patch of {model.patch} does not divide the picture's side {e.size}")
    if e.client.batch_norm == "train" and not model.has_batch_norm:
        yield Problem("client.batch_norm", f"{model.title} has no batch norm: the mode changes nothing", fatal=False)
    if (
        isinstance(e.attack, LevenbergMarquardt)
        and getattr(model, "activation", "relu") in ("relu", "leaky_relu")
        and model.kind != "linear"
    ):
        yield Problem(
            "attack",
            "Levenberg-Marquardt stalls at the kinks of ReLU: expect a poor picture, or choose a smooth activation",
            fatal=False,
        )
    if isinstance(e.attack, InvertingGradients) and e.attack.optimiser == "lbfgs" and e.attack.signed:
        yield Problem("attack.signed", "L-BFGS needs the true gradient: switch signed off")
