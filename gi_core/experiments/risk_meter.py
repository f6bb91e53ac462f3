"""The risk meter of a question: what is fast first, the whole spectrum where it is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.analysis import risk
from gi_core.analysis.influence import keeping, quick
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.clients.round import Round, normalised
from gi_core.experiments import risk_ahead
from gi_core.experiments.footprint import METER_IMAGES, METER_PARAMETERS
from gi_core.experiments.setup import Question
from gi_core.numerics import jacobian_cost, picture_spectrum, rounded_fit, rounding
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import MOST_EXACT
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import DAMPING, Spectrum
from gi_core.settings import Experiment, SpecError
from gi_core.types.risk import Risk
from gi_core.types.updates import Update

PATIENCE = 0.9
"""Seconds that an estimate may take. All seconds here are nominal: operations are counted (`numerics.jacobian_cost`), nothing is
timed, so that what is said does not depend on what else the machine does."""
WHOLE_SECONDS = 1.5
"""What the whole spectrum may take in a preview: a LeNet of 25 grey pixels takes about one."""
FORWARD_SECONDS = 0.02
"""Longest forward pass of the pictures: where it takes longer, a product of J J^T takes too long for a preview."""
EXACT_SECONDS = 60.0


class _Precision(TypedDict, total=False):
    """What of `analysis.risk.assess` the spectrum says."""

    predicted_rmse: float
    best_case: float
    refined: bool


def measure(question: Question) -> Risk:
    """`analysis.risk.assess` of the client's round as it is. Quick: below two seconds for a LeNet."""
    experiment, done = question.experiment, question.round
    if experiment.recorded is not None:
        return _recorded(question)
    done = _in_gradients(done)
    doubt = risk_ahead.unpredicted(experiment) or _doubt(done)
    perturbed = risk_ahead.perturbed(experiment)
    images = len(question.pictures.images)  # of a batch that was fished, the fished ones
    countable = images <= METER_IMAGES and all(d.predicted for d in experiment.defenses)
    precision = _precision(question, done, perturbed) if countable and not doubt else _Precision()
    verdict, closed = _verdict(question)
    if doubt == risk_ahead.SEVERAL_STEPS:
        doubt = risk_ahead.steps_doubt(experiment.client, verdict, closed, images)
    return risk.assess(
        verdict=verdict, closed=closed, images=images, gradient_norm=done.clean.norm(),
        noise_std=_noise(done), perturbed=perturbed, doubt=doubt, **precision,
    )  # fmt: skip


def _in_gradients(done: Round) -> Round:
    """The round with a weight change in a gradient's units."""
    schedule = done.knowledge.schedule
    clean = as_mean_gradient(done.clean, schedule, done.knowledge.model)
    return replace(
        done,
        clean=clean,
        update=clean if done.clean is done.update else as_mean_gradient(done.update, schedule, done.knowledge.model),
    )


def _noise(done: Round) -> float:
    """Standard deviation of the largest noise on each value, in a gradient's units; as the client knows it."""
    scale = abs(done.knowledge.schedule.scale) if done.knowledge.schedule is not None else 1.0
    return scale * max((known.get("sigma", 0.0) for known in done.knowledge.defenses), default=0.0)


def _doubt(done: Round) -> str:
    """Why the expected error, which is of one gradient of a plain function, is not worked out for this round."""
    knowledge, schedule = done.knowledge, done.knowledge.schedule
    if knowledge.batch_norm == "train" and any(isinstance(m, _BatchNorm) for m in knowledge.model.modules()):
        if done.update.statistics:
            return (
                "batch norm takes the client's own statistics, and they are shared: what deep networks hid shows again"
            )
        return (
            "batch norm takes the client's own statistics, withheld: shallow wide networks show much, deep ones little"
        )
    if schedule is not None and not (schedule.single and schedule.clients == 1):
        return risk_ahead.SEVERAL_STEPS
    if done.update.frozen:
        return "only a part of the network trains and is sent, and what that shows is not worked out"
    if knowledge.earlier:
        return f"{len(knowledge.earlier) + 1} updates of the same pictures are sent, and what they show together is not worked out"
    return ""


def _recorded(question: Question) -> Risk:
    """The risk of an update from elsewhere: without the private pictures and the clean update, precision stays open."""
    done, schedule = question.round, question.round.knowledge.schedule
    norm = question.norm * (abs(schedule.scale) if schedule is not None and schedule.optimiser == "sgd" else 1.0)
    verdict, closed = _verdict(question)
    found = risk.assess(
        verdict=verdict, closed=closed, images=done.update.images, gradient_norm=norm, perturbed=True, refined=True
    )
    reasons = [f"the update has norm {question.norm:.2g}; what was done to it before it was sent is not known"]
    facts = question.facts
    if facts and facts.get("corrected"):
        reasons.append(f"it is {facts['scale']:.3g} times what a client as described would send")
    return {**found, "reasons": [*found["reasons"][:-2], *reasons]}


def _verdict(question: Question) -> tuple[str | None, str]:
    """See `risk_ahead.by_rank`."""
    pictures = question.pictures
    if question.experiment.client.trains != "all":
        return None, ""  # the count is of an update of the whole network
    shape, images = tuple(pictures.images.shape[1:]), question.round.update.images
    return risk_ahead.by_rank(question.experiment, shape, pictures.classes, images)


def huge(done: Round) -> bool:
    """Whether the network is too large for any spectrum, so that none was kept either."""
    return sum(p.numel() for p in done.knowledge.model.parameters()) > METER_PARAMETERS


def _precision(question: Question, done: Round, perturbed: bool) -> _Precision:
    """The expected error: of a kept spectrum, else of a rough one; without either, the least that it can be."""
    if huge(done):
        return {}
    x = normalised(question.pictures, torch.device("cpu"))
    # Of independent noise of one variance on every value that alone decides the error; a factor takes nothing from it.
    white = all(d.only("noise", "rescaling") for d in question.experiment.defenses)
    whole, rough = (keeping.key(done.knowledge, x, done.labels, s) for s in (EXACT_SECONDS, PATIENCE))
    update = _unscaled(done, question.experiment)
    if white:
        kept = keeping.read(whole)
        exact, kept = kept is not None, kept or keeping.read(rough)
        if kept is not None:
            return _expected(kept[0], done, update, perturbed, exact)
    if _too_large(question, x):
        return {}
    try:
        sample = Sample(done.knowledge, x, done.labels, "cpu")
    except SpecError:
        return {}
    if not sample.norm:
        return {}
    if white and sample.size <= MOST_EXACT and sample.product_seconds() * sample.size <= WHOLE_SECONDS:
        all_of_it, vectors = picture_spectrum.spectrum(sample, WHOLE_SECONDS)
        assert vectors is not None  # as they fit into that time
        all_of_it = replace(all_of_it, rounded=_rounded(sample, done, all_of_it))
        keeping.write(whole, all_of_it, vectors)
        return _expected(all_of_it, done, update, perturbed, True)
    if _verdict(question)[0] == "partial":
        return {}  # a rough spectrum does not see the directions that do not show, and would promise precision
    if white:
        found = quick.spectrum(sample, PATIENCE)
        if found is not None:
            if found[1]:
                keeping.write(rough, found[0], None)
            return _expected(found[0], done, update, perturbed, False)
    pushed = sample.perturbation(done.clean, update)
    if not bool(pushed.any()):
        return {}  # the defenses took nothing that this picture shows, which says nothing of how well it is known
    moved = None if white else quick.influence(sample, pushed, PATIENCE)
    if moved is not None:
        return {"predicted_rmse": sample.in_pixels(moved), "refined": False}
    if not perturbed or len(x) > 1:
        return {}
    return {"best_case": sample.in_pixels(pushed / max(sample.largest(), 1e-300))}


def _expected(spectrum: Spectrum, done: Round, update: Update, perturbed: bool, exact: bool) -> _Precision:
    if not perturbed and spectrum.rounded is not None:
        return {"predicted_rmse": spectrum.rounded, "refined": exact}
    sigma = _size(done.clean, update) if perturbed else _rounding(done, spectrum)
    return {"predicted_rmse": spectrum.expected(sigma).pixels, "refined": exact}


def _rounded(sample: Sample, done: Round, spectrum: Spectrum) -> float | None:
    """The error that the rounding of this very gradient leaves; None of a weight change, whose weights were rounded besides."""
    if done.knowledge.schedule is not None:
        return None
    pairs = zip(done.clean.tensors.values(), sample.products.value, strict=True)
    unseen = int((spectrum.values <= DAMPING * spectrum.largest).sum())
    fine = rounded_fit.weighed(Shown(sample), rounding.differences(sample))
    return rounded_fit.error(fine, [[a.to(b) - b for a, b in pairs]], unseen)


def _rounding(done: Round, spectrum: Spectrum) -> float:
    """sigma of the float32 rounding of the update; of a weight change, that of the weights themselves: |w| 2^-25 / lr."""
    if done.knowledge.schedule is None:
        return spectrum.rounding()
    weights = [p for p in done.knowledge.model.parameters()]
    mean_square = sum(float((p.double() ** 2).sum()) for p in weights) / sum(p.numel() for p in weights)
    return float(mean_square**0.5 * 2.0**-25 * abs(done.knowledge.schedule.scale))


def _too_large(question: Question, x: Tensor) -> bool:
    device = question.device
    return jacobian_cost.pass_seconds(question.round.knowledge.model, x.to(device), device.type) > FORWARD_SECONDS


def _unscaled(done: Round, experiment: Experiment) -> Update:
    """The update divided by clipping's factor, as a factor hides no picture."""
    if not any("rescaling" in d.perturbs for d in experiment.defenses):
        return done.update
    pairs = zip(done.clean.tensors.values(), done.update.tensors.values(), strict=True)
    factor = sum(float((a.double() * b.double()).sum()) for a, b in pairs) / max(done.clean.norm() ** 2, 1e-300)
    if factor <= 0:
        return done.update
    return Update({k: t.double() / factor for k, t in done.update.tensors.items()}, done.update.images)


def _size(clean: Update, update: Update) -> float:
    """Root mean square of what the defenses changed: as noise on every value would be."""
    pairs = zip(clean.tensors.values(), update.tensors.values(), strict=True)
    squares = sum(float(((b.double() - a.double()) ** 2).sum()) for a, b in pairs)
    return float((squares / sum(t.numel() for t in update.tensors.values())) ** 0.5)
