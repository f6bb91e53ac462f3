"""Refusals that need no computation: capabilities an attack lacks, parts that do not fit.

The form greys out with the same sentences that the command line prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gi_core.common.errors import SpecError
from gi_core.settings import imprint_checks, normalising, spear_checks, transformer_checks
from gi_core.settings.attacks import ClosedForm, InvertingGradients, LevenbergMarquardt, Matching
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.client import FedAvg, Pretrained, Trained
from gi_core.settings.client_checks import client_conflicts, one_gradient_only
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.controls import control_conflicts
from gi_core.settings.defense_checks import conflicts
from gi_core.settings.experiment import Experiment
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.graph import Graph
from gi_core.settings.imprint_attacks import ReadBins
from gi_core.settings.knowing import idle
from gi_core.settings.network_base import NormedModel
from gi_core.settings.networks import VisionTransformer
from gi_core.settings.own_network import MEMORY, OwnNetwork, barred, can_draw, drawn
from gi_core.settings.partial_attacks import TrainedPart, refusals
from gi_core.settings.server_checks import as_attacked, server_conflicts
from gi_core.settings.servers import Imprint
from gi_core.settings.sizes import sides, whole

__all__ = ["ONE_OUTPUT", "Problem", "one_gradient_only", "problems"]

GROUPED = ", or model.norm=group, which mixes none"
ONE_OUTPUT = "iterative labels need more than one output: choose auto or bias_sign"


@dataclass(frozen=True)
class Problem:
    """field: dotted path in the Experiment. reason: a sentence. fatal: refuses, else a warning."""

    field: str
    reason: str
    fatal: bool = True


def problems(experiment: Experiment) -> list[Problem]:
    """What is wrong with the question as asked, worst first; empty when it can be run."""
    attacked = as_attacked(experiment)
    found = [
        *(Problem(*found) for found in server_conflicts(experiment)),
        *_counted(experiment),
        *_batch(attacked),
        *_labels(experiment),
        *_model(experiment),
        *_client(experiment, attacked),
        *_matching(attacked),
        *_recursion(attacked),
        *(Problem(*found) for found in control_conflicts(attacked)),
        *(Problem(*found) for found in conflicts(experiment)),
        *(Problem("attack.adaptive", reason, fatal=False) for reason in idle(attacked)),
    ]
    return sorted(found, key=lambda p: not p.fatal)


def _counted(e: Experiment) -> Iterator[Problem]:
    n = e.pictures
    if e.labels is not None and len(e.labels) != n:
        yield Problem("labels", f"give one label for each picture: {n}, not {len(e.labels)}")


def _batch(e: Experiment) -> Iterator[Problem]:
    n = e.pictures
    if n > 1 and e.attack.labels in ("idlg", "observed_delta"):
        yield Problem(
            "attack.labels",
            f"label strategy {e.attack.labels} reads one label; for {n} pictures choose auto"
            + (" or known" if isinstance(e.attack, LevenbergMarquardt) else ", known or joint"),
        )
    if e.attack.labels == "iterative" and e.model.one_logit:
        yield Problem("attack.labels", ONE_OUTPUT)


def _labels(e: Experiment) -> Iterator[Problem]:
    if e.attack.labels == "known" and not e.client.labels_known:
        yield Problem(
            "attack.labels",
            "the server does not know the labels: switch client.labels_known on or choose another label strategy",
        )


def _client(e: Experiment, attacked: Experiment) -> Iterator[Problem]:
    """attacked: the question as the attack has it, which decides what does not fit the attack."""
    client, model = e.client, e.model
    yield from (Problem(*found) for found in client_conflicts(e) if not found[0].startswith("attack"))
    yield from (Problem(*found) for found in client_conflicts(attacked) if found[0].startswith("attack"))
    if client.batch_norm == "train" and model.has_batch_norm and any("per_picture" in d.reveals for d in e.defenses):
        yield Problem(
            "client.batch_norm", "DP-SGD needs each picture's own gradient, and batch norm in train mode mixes pictures: choose"
            f" client.batch_norm=eval{GROUPED if isinstance(model, NormedModel) else ''}",
        )  # fmt: skip
    if client.statistics == "shared" and (client.batch_norm == "eval" or not model.has_batch_norm):
        why = "in eval mode they do not move" if model.has_batch_norm else f"{model.title} has no batch norm"
        yield Problem("client.statistics", f"shared statistics tell nothing here, {why}", fatal=False)


def _matching(e: Experiment) -> Iterator[Problem]:
    a = e.attack
    if not isinstance(a, Matching):
        return
    if a.parametrisation == "generator" and not a.generator:
        yield Problem("attack.generator", "a generator is searched: give its file, or choose another parametrisation")
    if a.start == "prior" and not a.prior_picture:
        yield Problem("attack.start", "the start asks for a prior picture: choose one, or another start")
    if isinstance(a, FlGradientInversion):
        if not (a.gradient_weight or a.batch_norm_weight != 0 or a.classification_weight):
            yield Problem("attack.gradient_weight", "all weights are zero, so there is nothing to match")
        elif (
            e.recorded is None
            and e.client.statistics == "withheld"
            and a.batch_norm_weight != 0
            and not a.gradient_weight
        ):
            yield Problem(
                "client.statistics", "with these weights the attack needs shared batch norm statistics: share them, or raise its"
                " gradient_weight",
            )  # fmt: skip
        if a.classification == "drifting" and a.classification_weight and a.labels != "joint":
            yield Problem("attack.labels", "the drifting network's loss has free labels: choose joint")
    if a.epochs_order == "free" and (not isinstance(e.client, FedAvg) or e.client.epochs == 1):
        yield Problem("attack.epochs_order", "one epoch has one order: free changes nothing", fatal=False)


def _recursion(e: Experiment) -> Iterator[Problem]:
    """What stops a closed-form attack; the size decides little of it, so a usual one stands for one not given."""
    if not isinstance(e.attack, ClosedForm):
        return
    if isinstance(e.attack, ReadBins) or isinstance(e.server, Imprint):
        yield from (Problem(*one) for one in imprint_checks.of_attack(e))
        return
    if isinstance(e.attack, Transformer):
        yield from (Problem(*one) for one in transformer_checks.found(e))
        return
    if isinstance(e.attack, TrainedPart):
        yield from (Problem("attack", reason) for reason in refusals(e))
        return
    from gi_core.settings.chain import chain
    from gi_core.settings.recursion_checks import BOTTLENECK, refusal
    from gi_core.settings.residual_chain import searched

    if any("bottleneck" in d.perturbs for d in e.defenses):
        yield Problem("attack", BOTTLENECK)
        return
    shape = sides(e.size) or (e.model.side_for(32),) * 2
    if isinstance(e.model, OwnNetwork) and (barred(e.model) or not can_draw()):
        return  # said of the network itself, or by the attack once the network is built
    try:
        graph = _graph(e, shape)
    except SpecError as error:
        if isinstance(e.model, OwnNetwork):
            yield Problem("attack", str(error))
        return  # of the zoo, said where the true size is known
    if graph is None:
        yield Problem("attack", f"{e.model.title} is not drawn as a chain of layers, so no recursion goes through it")
        return
    blocks = chain(graph)
    reason = refusal(type(e.attack), blocks, e.pictures, e.client.batch_norm, e.client.statistics == "shared")
    if reason:
        yield Problem("attack", reason)
    elif isinstance(e.attack, Spear):
        yield from (Problem(*one) for one in spear_checks.said(e, blocks))
        return  # noise blurs its pictures, and is not amplified layer by layer
    elif e.attack.pooled:
        yield from (Problem("size", words, fatal=False) for words in searched(blocks))
    elif e.pictures > 1:
        yield Problem("samples", f"of {e.pictures} pictures a recursion gives one mixture", fatal=False)
    # A rescaled gradient is as good, unless the scale itself is what one logit is read from.
    noisy = [d.title for d in e.defenses if not d.only("rescaling") or e.model.one_logit]
    if noisy and not reason:
        yield Problem(
            "defenses",
            f"a recursion takes the update for exact, so {noisy[0].lower()} is amplified layer by layer: expect a poor picture",
            fatal=False,
        )


def _graph(e: Experiment, shape: tuple[int, int]) -> Graph | None:
    """The layers that a recursion would walk; None where they are not drawn. Raises SpecError."""
    from gi_core.settings.drawings import drawing
    from gi_core.settings.layer_graphs import layer_graph

    if isinstance(e.model, OwnNetwork):
        return drawn(e.model, (e.channels or e.model.channels_only or 3, *shape))
    if isinstance(e.attack, ClosedForm) and e.attack.pooled:
        return drawing(e.model, (e.channels or 3, *shape), 10)
    return layer_graph(e.model, (e.channels or 3, *shape), 10)


def _own(e: Experiment, model: OwnNetwork) -> Iterator[Problem]:
    reason, shape = barred(model), sides(e.size)
    if reason:
        yield Problem("model", reason)
    if model.input is not None and shape is not None and shape != model.input[1:]:
        height, width = model.input[1:]
        yield Problem("size", f"this network takes pictures of {whole(height, width)} pixels, not {e.size}: set size")
    if isinstance(e.weights, Trained) and model.source.startswith(MEMORY):
        yield Problem("weights", "a network held in memory brings its weights: leave them fresh, or give a file")


def _model(e: Experiment) -> Iterator[Problem]:
    model = e.model
    if isinstance(model, OwnNetwork):
        yield from _own(e, model)
    shape = sides(e.size)
    if shape is not None and min(shape) < model.min_size:
        yield Problem("size", f"{model.title} needs pictures of at least {model.min_size} pixels, not {e.size}")
    given = normalising.channels(e.normalise)
    if e.channels == 1 and given == 3 or model.channels_only == 1 and given == 3:
        yield Problem(
            "normalise", f"{e.normalise} normalises three channels, and the pictures have one: give one number"
        )
    if model.channels_only is not None and e.channels not in (None, model.channels_only):
        yield Problem("channels", f"{model.title} takes pictures of {model.channels_only} channels, not {e.channels}")
    if isinstance(e.weights, Pretrained) and not model.pretrained:
        yield Problem("weights", f"there are no ImageNet weights for {model.title}")
    if isinstance(model, VisionTransformer):
        if model.hidden % model.heads:
            yield Problem("model.heads", f"{model.heads} heads do not divide the hidden size {model.hidden}")
        if shape is not None and any(side % model.patch for side in shape):
            yield Problem("model.patch", f"a patch of {model.patch} does not divide the picture's side {e.size}")
    if e.client.batch_norm == "train" and not model.has_batch_norm:
        yield Problem("client.batch_norm", f"{model.title} has no batch norm: the mode changes nothing", fatal=False)
    if isinstance(e.attack, LevenbergMarquardt) and model.kinked:
        yield Problem(
            "attack",
            "Levenberg-Marquardt stalls at the kinks of ReLU: expect a poor picture, or choose a smooth activation",
            fatal=False,
        )
    if isinstance(e.attack, InvertingGradients) and e.attack.optimiser == "lbfgs" and e.attack.signed:
        yield Problem("attack.signed", "L-BFGS needs the true gradient: switch signed off")
