"""May an update leave? send = RDLV <= threshold, of an attack that the client runs on its own update before sending it.

As in NVFlare's filter (Hatamizadeh et al. 2023), but it fails closed: what was not measured does not leave. A low RDLV counts
only of an attack that explained the update to the update's own precision: then what matches is not the picture. Behind noise
of known size that precision is low, and the noise is looked for in the update first, by the client's own pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.metrics.claims import words
from gi_core.metrics.protocol import beside
from gi_core.metrics.rdlv import rdlv
from gi_core.metrics.words import of_several
from gi_core.settings.ceiling import percent
from gi_core.types.attacker_parts import Explained
from gi_core.types.result import Outcome

THRESHOLD = 1.0
"""RDLV of the published gate: withhold what is twice as like to a private picture as the prior is."""
OWN = 0.01
"""Share of the update that a client's own pictures, read from files again, may leave unexplained."""
LEAST_NOISE = 0.7
"""Share of the described noise's length that must be found; where less is, the noise is not there."""
SLACK = 1.1
"""Tolerance on the square of the noise's length; the same as in `attacks.adaptive.noise`, whose module loads torch."""


class Decision(TypedDict):
    """leaked: the largest over the pictures, of RDLV, or of SSIM where there is no prior picture to be relative to."""

    leaked: float | None
    measure: str
    threshold: float
    send: bool
    sentence: str


class Own(TypedDict):
    """What the client as described would send of the client's own pictures, beside what it sent.

    unexplained, scale: r = min_a |a g - g*| / |g*| and its a. causes: what would explain a misfit. noise: (least, most) size
    of what is left beside the noise as described (`fit.whiteness`), None where there is no such noise. missing: why it is not
    what a rounding or protective direction as described leaves (`fit.traces`), a clause.
    """

    unexplained: float
    scale: float
    causes: list[str]
    noise: tuple[float, float] | None
    missing: str


def refuse_blind(references: np.ndarray, prior: np.ndarray | None, threshold: float) -> None:
    """Raises SpecError for a gate that could not say no: the originals themselves, sent back, must be above it.

    references: (N, C, H, W) in [0, 1]. prior: (C, H, W) or None. RDLV of picture i is at most 1 / S(i, p) - 1.
    """
    best = rdlv(references, references, prior)
    values = [entry["value"] for entry in best["per_image"]]
    if any(value is None for value in values):
        raise SpecError(f"{best['note']}: give another prior picture")
    if threshold < min(values):
        return
    what = "their likeness (SSIM)" if prior is None else "RDLV with this prior"
    raise SpecError(
        f"the threshold {threshold:g} is never exceeded, whatever leaks: {what} is {min(values):.3f} at most, so give"
        " a smaller threshold" + (" or a prior picture that is less like them" if prior is not None else "")
    )


def decision(measured: dict[str, Any], threshold: float = THRESHOLD, doubt: str = "") -> Decision:
    """The decision from the answer of `metrics.rdlv`. doubt: why a low leak says nothing (`doubts`)."""
    measure, leaked = measured["measure"], measured["site"]
    if leaked is None or measured["note"]:  # a picture without a value may be the one that leaks
        return withheld(measured["note"], threshold, measure)
    send = leaked <= threshold
    if send and doubt:
        return withheld(doubt, threshold, measure)
    words, side = ("may leave", "within") if send else ("withheld", "above")
    sentence = f"{words}: {measure.upper()} {leaked:.3f} is {side} the threshold of {threshold:g}"
    return {"leaked": leaked, "measure": measure, "threshold": threshold, "send": send, "sentence": sentence}


def withheld(reason: str, threshold: float, measure: str = "rdlv") -> Decision:
    """The decision where nothing was measured."""
    sentence = f"withheld, as the leak was not measured: {reason}"
    return {"leaked": None, "measure": measure, "threshold": threshold, "send": False, "sentence": sentence}


def doubts(attacker: Explained, own: Own | None) -> str:
    """Why a low leak says nothing, in a sentence; empty where the attack had a fair chance and met the update's own floor.

    own: of the client's own pictures under the same description (`experiments.fit.describing`), None
    where they could not be played.
    """
    tolerance, rest, noise = attacker["tolerance"], attacker["unexplained"], attacker["noise"]
    if tolerance is None or noise is None:
        return "behind the defenses as described no value is as it was, as with one bit, so no answer can be checked against it"
    if own is not None and own["unexplained"] > max(tolerance, OWN):
        why = (
            "; ".join(own["causes"]) or "check learning rate, steps, loss, normalisation, batch norm mode and defenses"
        )
        return (
            f"of your own pictures a client as described would send another update ({percent(own['unexplained'])} of this one"
            f" does not fit): {why}"
        )
    if noise > OWN:
        if own is None:
            return "the noise as described could not be looked for in the update: give --label for each reference, in order"
        if own["missing"]:
            return f"{own['missing']}: the client is not as described (label, loss, steps), or the defense is not there"
        random = own["noise"] is not None
        if random and own["unexplained"] < noise * LEAST_NOISE:
            return (
                f"the update does not carry the noise as described: by your own pictures it is off by"
                f" {own['unexplained']:.2g} of its length, and such noise by {noise:.2g}"
            )
        least, most = own["noise"] or (1.0, 1.0)
        if not LEAST_NOISE <= least <= most <= 1 / LEAST_NOISE:
            return (
                "what your own pictures leave of the update is not the noise as described: in one layer or row it is"
                f" {least:.2g} times as large, in another {most:.2g} times, so the client is not as described (label, loss, batch"
                " norm mode, steps) or the noise is not there"
            )
    if rest is None:
        return "the round is too long, or the labels too few, to check how much of the update the attack explained"
    if own is None:  # an attack may have found the right pictures, and these be others
        return "it could not be checked that this update is of your own pictures: give --label for each reference, in order"
    # An answer has to explain the update as well as the private pictures do, where the noise is shorter than expected.
    rounded = max(0.0, tolerance**2 - SLACK * noise**2)
    tolerance = min(tolerance, (rounded + SLACK * own["unexplained"] ** 2) ** 0.5)
    if rest > tolerance and own["unexplained"] > tolerance:
        return (
            f"the attack left {rest:.2g} of the update's length unexplained, and your own pictures leave {own['unexplained']:.1g}:"
            " the client is not quite as described (steps, momentum, a schedule, clipping), or it saw them differently"
        )
    if rest > tolerance:
        return (
            f"the attack left {rest:.2g} of the update's length unexplained, and the update is exact to {attacker['precision']:.1g}:"
            " give it more iterations, trials, or an attack that gets further, such as levenberg_marquardt"
        )
    return ""


def judged(
    document: Outcome, images: np.ndarray | None, references: np.ndarray, prior: np.ndarray | None, threshold: float,
    own: Callable[[], Own | None],
) -> tuple[Decision, dict[str, Any]]:  # fmt: skip
    """(the decision, what was measured) of an attack on one's own update.

    document, images: of the attack, the latter None where no picture came back. references: the client's own pictures
    (N, C, H, W) in [0, 1]. own: what a client as described would send of them, asked only where it decides.
    """
    status, attacker = document["status"], document["attacker"] if "attacker" in document else None
    if (
        status != "done" or images is None or not attacker or attacker["loss"] is None
    ):  # its pictures are blank otherwise
        why = "the attack diverged" if status == "done" else f"the attack was {status}"
        return withheld(document["error"] if "error" in document else why, threshold), {}
    measured = rdlv(images, references, prior)
    verdict = decision(measured, threshold)
    if verdict["send"]:  # what leaks needs no other reason
        verdict = decision(measured, threshold, doubts(attacker, own()))
    return verdict, {
        "per_image": measured["per_image"], "convention": measured["convention"], "reached": measured["site"],
        "words": words(attacker, of_several(beside(images, references))),
    }  # fmt: skip
