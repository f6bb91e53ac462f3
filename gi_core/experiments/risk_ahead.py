"""What the risk meter says of a question before anything is built: by the network's rank and the client's settings. No torch."""

from __future__ import annotations

from gi_core.analysis import risk
from gi_core.analysis.rank import counted
from gi_core.analysis.rank.attention import of_batch
from gi_core.settings import Experiment, SpecError
from gi_core.settings.client import AnyClient, FedAvg
from gi_core.settings.graph import Shape
from gi_core.settings.server_checks import as_attacked
from gi_core.settings.transformer_checks import unsummed
from gi_core.types.risk import Risk

SEVERAL_STEPS = (
    "how precisely is worked out for one gradient, and this round has several; attacks that simulate it exist"
)


def by_rank(experiment: Experiment, shape: Shape, classes: int, images: int) -> tuple[str | None, str]:
    """(the rank verdict of the network as drawn, what equations give of these pictures where that is known), where the update is
    that of this network and of the private pictures, (C, H, W) each.
    """
    if unpredicted(experiment):
        return None, ""
    try:
        found = counted(experiment.model, shape, classes)
    except SpecError:
        return None, ""
    if found.attention is not None:
        return of_batch(found.attention, images)
    return found.verdict, ""


def foreseen(experiment: Experiment, shape: Shape, classes: int) -> Risk | None:
    """The meter of a vision transformer that is too large to be run for it, by its rank alone; None of another network.

    What its equations give needs no weights and no gradient, so neither is made.
    """
    if experiment.recorded is not None:
        return None
    experiment = as_attacked(experiment)
    verdict, closed = by_rank(experiment, shape, classes, experiment.pictures)
    if not closed:
        return None
    return risk.assess(
        verdict=verdict, closed=f"by its rank, {closed}", images=experiment.pictures, gradient_norm=None, perturbed=perturbed(experiment),
        refined=True, doubt=steps_doubt(experiment.client, verdict, closed, experiment.pictures),
    )  # fmt: skip


def unpredicted(experiment: Experiment) -> str:
    """Why the error behind these defenses is not predicted, one clause; empty where it is. Clipping each of several pictures is not."""
    several = as_attacked(experiment).pictures > 1
    titles = [d.title for d in experiment.defenses if not d.predicted or (several and "per_picture" in d.reveals)]
    return f"what shows behind {titles[0]} is not predicted: attack to find out" if titles else ""


def perturbed(experiment: Experiment) -> bool:
    """Whether a defense does more to the update than put a factor on it."""
    return any(not d.only("rescaling") for d in experiment.defenses)


def steps_doubt(client: AnyClient, verdict: str | None, closed: str, images: int) -> str:
    """Why several local steps of these settings leave the error open, "" where they do not: of one picture whose equations hold
    after any number of them (`attacks.recursion.transformer.sent`).
    """
    if not isinstance(client, FedAvg) or client.local_steps(images)[0] == 1:
        return ""
    whole = bool(closed) and verdict == "exact" and images == 1 and not unsummed(client)
    return "" if whole else SEVERAL_STEPS
