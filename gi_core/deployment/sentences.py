"""What is said of a finding: its first sentences, one of advice where a difference is more than chance, and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gi_core.deployment.cases import (
    DELTA,
    FEWER,
    MEASURES,
    MOST,
    THREATS,
    cases_of,
    effort,
    trains_normalised,
    unplayed,
)
from gi_core.deployment.outcome import Outcome
from gi_core.deployment.questions import ASKED, Deployment, assumed, settled
from gi_core.metrics.intervals import beyond_chance
from gi_core.metrics.words import Level


def said(level: Level, worst: Outcome, over: bool) -> tuple[str, str]:
    """(head, text): the first sentences, of the worst threat that applies."""
    who = THREATS[worst.case.threat]
    so_far = "" if over else "So far: "
    if level == "exposed":
        return (
            f"{so_far}Private pictures can be read back from what clients send",
            f"{who} got a picture back that a person would see from {worst.seen} of {worst.measured} updates{_surely(worst)}.",
        )
    if level == "partly":
        return (
            f"{so_far}Traces of private pictures show in what clients send",
            f"{who} got traces of them: from {worst.traces} of {worst.measured} updates.",
        )
    if level == "protected":
        return (
            f"{so_far}No private picture came back here, which is no proof that none can",
            f"The strongest attacks tried got a picture from {worst.seen} of {worst.measured} updates{_surely(worst)}.",
        )
    return (
        f"{so_far}Not known yet" if not over else "Not known",
        "Part of it could not be measured, so nothing is called safe.",
    )


def _surely(one: Outcome) -> str:
    """What the count says of all such updates, for a reader without statistics."""
    low, high = one.interval or (0.0, 1.0)
    return f"; of all such updates that is {100 * low:.0f} to {100 * high:.0f} %, with 95 % confidence"


def unknown(asked: Deployment) -> str:
    """That it is not about what a person did not describe."""
    count = len(assumed(asked))
    if not count:
        return ""
    said = f"{count} of {len(ASKED)} answers are" if count > 1 else "One answer is"
    were = "they were" if count > 1 else "it was"
    return f" {said} not known, so {were} taken as what leaks most: this is the worst case, and fewer may come back from yours."


def beside(worst: Outcome, threats: Sequence[Outcome]) -> str:
    """What a server that changes nothing gets of the same updates, where one that does gives them away."""
    honest = next((one for one in threats if one.case.threat == "curious"), None)
    if honest is None or worst is honest or worst.level != "exposed" or not honest.measured:
        return ""
    surely = beyond_chance(honest.seen, honest.measured, worst.seen, worst.measured)
    difference = "what it sends makes the difference" if surely else "the difference may be chance"
    return f" {THREATS['curious']} got them from {honest.share}: {difference}."


def advice(outcomes: Sequence[Outcome], price: Sequence[dict[str, Any]] | None) -> str:
    """The measure that changes most, against every threat that gives pictures away, if that is more than chance."""
    bare = {one.case.threat: one for one in outcomes if not one.case.measure and one.seen}
    if not bare:
        return ""
    helping = []
    for measure in dict.fromkeys(one.case.measure for one in outcomes if one.case.measure):
        pairs = [
            (one, bare[one.case.threat]) for one in outcomes if one.case.measure == measure and one.case.threat in bare
        ]
        if pairs and all(beyond_chance(one.seen, one.measured, was.seen, was.measured) for one, was in pairs):
            still = [
                one for one in outcomes if one.case.measure == measure and one.case.threat not in bare and one.seen
            ]
            helping.append(
                (len(pairs), -len(still), -sum(one.seen / one.measured for one, _ in pairs), measure, pairs, still)
            )
    if not helping:
        return "No measure that was tried changed the outcome by more than chance."
    *_, measure, pairs, still = max(helping, key=lambda item: item[:3])
    changes = (f"from {was.seen} of {was.measured} to {one.seen} of {one.measured} updates" for one, was in pairs)
    left = " and ".join(dict.fromkeys(changes))
    whole = len(pairs) == len(bare)
    part = "" if whole else ", against " + " and ".join(_lower(THREATS[one.case.threat]) for one, _ in pairs)
    but = "".join(f" {THREATS[one.case.threat]} still got pictures from {one.seen} of {one.measured}." for one in still)
    return f"Switch this on: {MEASURES[measure]}. It brought what came back {left}{part}{_price(measure, price)}.{but}"


def _lower(text: str) -> str:
    """As it stands within a sentence."""
    return text[:1].lower() + text[1:]


def _price(measure: str, price: Sequence[dict[str, Any]] | None) -> str:
    if measure == "together":
        return "; the sum is the same, so accuracy is too"
    if measure == "refuse":
        return "; of 52 honest networks none was refused (benchmarks/README.md), so accuracy stays"
    if price is None:
        return "; what it costs of accuracy is still being measured"
    known = {str(row.get("defense")): row for row in price}
    bare, private = known.get("none", {}).get("accuracy"), known.get("DP-SGD", {}).get("accuracy")
    if measure == "dp8" and bare is not None and private is not None:
        cost = 100 * (bare - private)
        spread = 100 * max(known[k].get("accuracy_std") or 0.0 for k in ("none", "DP-SGD"))
        return f", and cost {cost:.0f} points of accuracy (± {2 * spread:.0f}) on a small network"
    return "; what it costs of accuracy was not measured"


def limits(asked: Deployment) -> list[str]:
    """What the finding rests on, a sentence each."""
    said = settled(asked)
    behind = int(said["pictures"]) * int(said["together"])
    found = unplayed(asked)
    if trains_normalised(said, ""):
        found.append(
            f"Where the equations do not give a picture away, a search of {effort(said, '', behind)} gradients stood in, which finds next to"
            " nothing; published searches take thousands."
        )
    if assumed(asked):
        found.append(f"Not known, and taken as it leaks most: {' '.join(assumed(asked))}")
    if said["network"] == "transformer":
        found.append(
            "Measured on a small transformer of that kind; larger ones leak as much where their width is above the number of patches."
        )
    elif said["network"] == "residual":
        found.append(
            f"Measured on an untrained ResNet-18 at {48 if trains_normalised(said, '') else 32} pixels; larger pictures come back less exactly (docs/attacks.md has figures)."
        )
    else:
        found.append("Measured on a LeNet with ReLU at 32 pixels.")
    if said["shared"] == "adapter":
        found.append(
            "The adapters have rank 4 and stand beside every dense layer; the server was given the labels, which they do not show."
        )
    if behind > MOST:
        found.append(
            f"Measured with {MOST} pictures behind an update, fewer than there are; more are harder to tell apart."
        )
    found.append(
        f"{max(one.updates for one in cases_of(asked))} updates of each threat, {FEWER} where a measure is tried or more than four pictures are behind one; crops of four bundled medical pictures, labels made up."
    )
    found.append(
        f"Where DP-SGD is named, its epsilon is of one round over all of a client's pictures, delta {DELTA:g}; it grows with rounds."
    )
    found.append(
        "That these attacks did not recover a picture proves no protection: more effort, or another attack, may recover it."
    )
    return found
