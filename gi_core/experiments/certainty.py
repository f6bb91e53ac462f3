"""What an attacker may say of an answer without the truth: matched, and unique or not.

*Matched*: what is left of the update is no more than the update's own error. *Unique*: no other picture nearby explains it as
well (`analysis.uniqueness`). Neither means *right*, which only the original decides.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gi_core.analysis import exposure, twins, uniqueness
from gi_core.attacks import explaining
from gi_core.attacks.base import Certificate
from gi_core.attacks.client_round.local_steps import one_step
from gi_core.attacks.seen_by_server import seen_of
from gi_core.clients import Round
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import Question
from gi_core.settings import SpecError
from gi_core.settings.ceiling import percent
from gi_core.types.attacker_parts import Certainty
from gi_core.types.updates import Knowledge, Update

TWIN = "twin.png"
TWIN_SECONDS = 8.0
"""Nominal seconds that the search for a twin may take."""
_UNEXAMINED = "Whether another picture explains the update as well was not examined"


def of(
    question: Question, images: Tensor, labels: Tensor, folder: Path, certificate: Certificate | None = None,
    left: float | None = None, replayed: float | None = None,
) -> Certainty:  # fmt: skip
    """`of_round` of a run, whose folder the twin is drawn into."""
    recorded, budget = question.facts is not None, uniqueness.BUDGET
    return of_round(question.round, images, labels, certificate, replayed, folder, recorded, budget, left)


def of_round(
    done: Round, images: Tensor, labels: Tensor, certificate: Certificate | None = None, replayed: float | None = None,
    folder: Path | None = None, recorded: bool = False, budget: float = uniqueness.BUDGET, left: float | None = None,
) -> Certainty:  # fmt: skip
    """images (N, C, H, W) in pixels, not clamped, and labels (N,): an attack's answer.

    certificate: of a closed form, which stands in where the answer cannot be examined. replayed: share of the update that the answer
    leaves, as the attack has it of every tensor, for a closed form whose round cannot be played again. folder: for a twin; None: none
    is looked for. recorded: whether the update was made elsewhere. budget: nominal seconds that the examination may take. left: share of
    the update that the answer leaves when the round is played again, worked out here where it is not given.
    """
    update, knowledge = done.update, done.knowledge
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    x = (images.detach().cpu().double() - mean) / std
    labels = labels.cpu()
    client, seen, reason = _examinable(done, x, recorded, budget)
    if reason and certificate is None:
        return _nothing(f"{_UNEXAMINED}: {reason}.")
    precision, tolerance = explaining.floor(update, knowledge)
    whole = reason and one_step(knowledge.schedule) and not knowledge.defenses and int(labels.min()) >= 0
    rest = _left(done, images, labels) if left is None else left
    if rest is None and whole:
        rest = replayed
    if rest is None:
        return _nothing(f"{_UNEXAMINED}: the round cannot be played again with this answer.")
    if not rest <= tolerance:
        return _nothing(_unmatched(rest, precision))
    try:
        if reason:
            raise SpecError(reason)
        named = _targets(update, knowledge, labels)
        if knowledge.earlier:
            looked = exposure.examine(knowledge, x, named, explaining.counted(precision))
        else:
            looked = uniqueness.examine(client, x, named, explaining.counted(precision), rest, seen, budget)
    except SpecError as why:
        return _nothing(f"{_UNEXAMINED}: {why}.") if certificate is None else _certified(certificate, x.numel())
    if looked.how == "open" and certificate is not None:
        return _certified(certificate, x.numel())
    found: Certainty = {
        "unique": looked.unique, "free_directions": None if looked.how == "open" else looked.free,
        "at_least": looked.at_least, "directions": looked.directions, "error_to_expect": looked.expected_error,
        "weakest": looked.weakest, "examined": looked.how, "sentence": _sentence(looked),
    }  # fmt: skip
    if looked.unique and not knowledge.earlier:
        # Both pictures may be off by the update's own error.
        near = uniqueness.alone_within(client, x, named, looked, 2 * max(explaining.counted(precision), rest), seen)
        if near.radius is not None:
            found |= {"radius": near.radius, "cell": near.cell}
        found["sentence"] += _alone(near)
    affordable = int(TWIN_SECONDS / uniqueness.product_seconds(client, x, seen))
    most = min(twins.BUDGET, affordable) if looked.free and not knowledge.earlier and folder is not None else 0
    twin = twins.find(client, images, named, looked.null, seen, most) if most else None
    if twin is not None and folder is not None:
        save_png(folder / TWIN, sheet(twin.picture.clamp(0, 1).numpy()))
        found["twin"] = {"file": TWIN, "apart": twin.apart, "residual": _left(done, twin.picture, labels)}
    return found


def _examinable(done: Round, x: Tensor, recorded: bool, budget: float) -> tuple[Knowledge, uniqueness.Seen, str]:
    """(the client as it is played, what is seen of its round, why the Jacobian at x is not looked at: "" where it is)."""
    update, knowledge = done.update, done.knowledge
    try:
        client, seen = seen_of(update, knowledge, recorded)
        uniqueness.refuse(client, x, seen, budget)
    except SpecError as why:
        return knowledge, uniqueness.PLAIN, str(why)
    return client, seen, ""


def _left(done: Round, images: Tensor, labels: Tensor) -> float | None:
    left = explaining.residual(done.update, done.knowledge, images, labels)
    return None if left is None else left[0]


def _certified(certificate: Certificate, directions: int) -> Certainty:
    """What a closed form's own equations say."""
    whole = not certificate.open
    sentence = (
        f"Matched, and unique: {certificate.by}, allow this answer alone."
        if whole
        else f"Matched, not unique: of {certificate.by}, {certificate.open}, so other pictures may explain it as well."
    )
    found = _nothing(sentence)
    return {
        **found,
        "unique": whole,
        "free_directions": 0 if whole else None,
        "directions": directions,
        "examined": "equations",
    }


def _targets(update: Update, knowledge: Knowledge, labels: Tensor) -> Tensor:
    """The labels that the answer is played with: (N,), or (N, K) of several each."""
    if knowledge.loss != "multi_label":
        return labels
    several = explaining.label_sets(update, knowledge)
    return labels if several is None else several.cpu()


def _nothing(sentence: str) -> Certainty:
    return {
        "unique": None,
        "free_directions": None,
        "directions": None,
        "error_to_expect": None,
        "examined": None,
        "sentence": sentence,
    }


def _unmatched(rest: float, precision: float) -> str:
    share = "an unknown share" if not rest < float("inf") else percent(rest)
    return f"Not matched: {share} of the update stays unexplained, where its own error leaves {100 * precision:.1g} %."


def _sentence(found: uniqueness.Uniqueness) -> str:
    error = "" if found.expected_error is None else f" Expected error: about {found.expected_error:.1g} per pixel."
    if found.how == "open":
        return (
            f"Matched. Whether another picture explains the update as well is open: none of {found.directions} directions of the"
            f" picture was found that does not show, and none is excluded that shows less than {found.weakest:.1g}."
        )
    if not found.free:
        sure = ", but for one case in a million" if found.how == "bounded" else ""
        return f"Matched, and unique nearby: every direction of the picture shows in the update{sure}.{error}"
    count = f"at least {found.free}" if found.at_least else f"{found.free}"
    least = error.replace("about", "at least") if found.at_least else error
    return (
        f"Matched, not unique: {count} of {found.directions} directions of the picture do not show in the update, so other"
        f" pictures explain it as well.{least}"
    )


def _alone(near: uniqueness.Alone) -> str:
    """How far the answer is the only one, or why that is not said."""
    if near.radius is None:
        return f" How far is not said: {near.reason}." if near.reason else ""
    where = ", inside the cell where no unit switches," if near.cell else ""
    return f" Up to {min(near.radius, 1.0):.2g} per pixel away{where} no other does, by a second derivative that was sampled."
