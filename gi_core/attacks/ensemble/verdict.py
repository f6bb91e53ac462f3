"""What the ensemble says of its own answer, without the private picture: exact, partial or nothing.

    exact     expected error below 0.01        (MSE below 1e-4, as `metrics.words` has it)
    nothing   expected error above 0.126       (18 dB), or more than half of the update left
    partial   what is between

The error is linear about the answer (`doubt`). Where that says 26 dB or less the answer is off by too much for it, and a fit takes its place:

    dB = 0.87 dB_linear - 0.49 20 log10(departure) - 6.1

with how far the answer departs from pictures (`left_open.departure`): a search that went wrong ends in a texture. It was fitted to 78 answers
to other experiments than the ensemble is held to (benchmarks/README.md), and is off by 3 dB (one standard deviation).

The error is not worked out for large networks and pictures: an answer that leaves nothing but the update's own error counts as exact there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from gi_core.analysis.left_open import departure
from gi_core.attacks.base import Attack, State
from gi_core.attacks.ensemble.doubt import expected_error
from gi_core.attacks.ensemble.evidence import Evidence
from gi_core.metrics.words import EXACT
from gi_core.types.updates import Knowledge, Update

Word = Literal["exact", "partial", "nothing"]
UNKNOWN = 10 ** (-18 / 20)
"""Expected error from which nothing of an answer is right."""
LINEAR = 0.05
"""Expected error, of the linear kind, up to which that is taken as it is."""
FIT = -6.1, 0.87, 0.49
"""Constant, factor on the linear error and on the departure, all in dB."""
LOST = 0.5
"""Share of the update left from which an answer explains nothing."""
SENTENCES: dict[Word, str] = {
    "exact": "so the picture cannot be far off",
    "partial": "so the picture is right in part",
    "nothing": "so nothing of the picture can be relied on",
}


@dataclass(frozen=True)
class Verdict:
    """error: root mean square of a pixel that is expected, None where it was not worked out."""

    word: Word
    sentence: str
    error: float | None


NONE = Verdict("nothing", "nothing: no attack has ended", None)


def of_answer(best: dict[str, Any], update: Update, knowledge: Knowledge, evidence: Evidence) -> Verdict:
    """best: the answer that was kept, with its images, labels and what the evidence says of it. Noise that it leaves is the update's own."""
    error, noise = None, best["residual"] if best["even"] else 0.0
    if not lost(best):
        error = expected_error(
            update, knowledge, best["images"], best["labels"], best["residual"], max(evidence.own, noise), best["certain"],
            evidence.cleared,
        )  # fmt: skip
    return verdict(best, None if error is None else beyond_linear(error, best["images"]))


def beyond_linear(error: float, images: Tensor) -> float:
    """The error to expect of an answer (N, C, H, W) in pixels whose linear one is `error`."""
    if error <= LINEAR:
        return error
    constant, linear, departing = FIT
    found = constant + linear * _decibel(error) + departing * _decibel(departure(images))
    return max(LINEAR, min(1.0, 10 ** (-found / 20)))


def _decibel(error: float) -> float:
    return -20 * math.log10(max(error, 1e-9))


def verdict(best: dict[str, Any], error: float | None) -> Verdict:
    """best: the answer that was kept, with `residual`, `certain`, `even` and `title`. error: that is expected of it."""
    if said := told_apart(best):
        return _apart(said, best, error)
    word, left = _word(best, error), best["residual"]
    share = "an unknown share" if left is None else "no more than its own error" if best["certain"] else f"{left:.2g}"
    expected = "" if error is None else f" (about {_decibel(error):.0f} dB expected)"
    return Verdict(word, f"{word}: {best['title']} leaves {share} of the update, {SENTENCES[word]}{expected}", error)


def _apart(said: str, best: dict[str, Any], error: float | None) -> Verdict:
    word: Word = "exact" if best["proved"] == len(best["images"]) else "partial"
    return Verdict(word, f"{word}: {said}", error)


def proved(machine: Attack, state: State) -> int:
    """How many pictures of its answer, the first ones, a machine proves one by one; 0 of one that proves the whole or nothing."""
    return int(getattr(machine, "proved", lambda state: 0)(state))


def told_apart(best: dict[str, Any] | None) -> str:
    """What is known of an answer of which pictures are proved one by one, whatever the others leave of the update; "" of any other."""
    count = 0 if best is None else best.get("proved", 0)
    return (
        f"{best['title']} proves {count} of {len(best['images'])} pictures one by one"
        if best is not None and count
        else ""
    )


def lost(best: dict[str, Any]) -> bool:
    """Whether an answer explains nothing; what is left alike in all tensors is noise, and says nothing against it."""
    return best["residual"] is None or best["residual"] > LOST and not best["even"]


def _word(best: dict[str, Any], error: float | None) -> Word:
    if lost(best):
        return "nothing"
    if error is None:
        return "exact" if best["certain"] else "partial"
    if error < math.sqrt(EXACT):
        return "exact"
    return "nothing" if error > UNKNOWN else "partial"
