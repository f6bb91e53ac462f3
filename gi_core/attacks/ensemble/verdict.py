"""What the ensemble says of its own answer, without the private picture: exact, partial or nothing.

    exact     expected error below 0.01        (MSE below 1e-4, as `metrics.words` has it)
    nothing   expected error above 0.17, or more than half of the update left
    partial   what is between, or one picture of a first-order search that leaves less than a quarter beyond the noise: such a
              search looks among smooth pictures, which a linear error does not know

An answer of 18 dB is off by 0.126. Its expected error is larger, as it is linear about an answer that is off (measured: 27 dB with 0.16,
16 dB with 0.18). The error is not worked out for large networks and pictures (`doubt`): an answer that leaves nothing but the update's own error counts
as exact there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from gi_core.attacks.base import Attack, State
from gi_core.attacks.ensemble.doubt import SLACK, expected_error
from gi_core.attacks.ensemble.evidence import Evidence
from gi_core.metrics.words import EXACT
from gi_core.types.updates import Knowledge, Update

Word = Literal["exact", "partial", "nothing"]
UNKNOWN = 0.17
"""Expected error from which nothing of an answer is right (measured)."""
LOST = 0.5
"""Share of the update left from which an answer explains nothing."""
NEAR = 0.25
"""Share beyond the noise up to which a search for one picture got something; above, what it found was a texture (measured)."""
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
    return verdict(best, error, max(evidence.floor, noise))


def verdict(best: dict[str, Any], error: float | None, noise: float) -> Verdict:
    """best: the answer that was kept, with `residual`, `certain`, `even`, `searched` and `title`. noise: the update's own, relative."""
    if said := told_apart(best):
        return _apart(said, best, error)
    word, left = _word(best, error, noise), best["residual"]
    share = "an unknown share" if left is None else "no more than its own error" if best["certain"] else f"{left:.2g}"
    expected = "" if error is None else f" (about {-20 * math.log10(max(error, 1e-9)):.0f} dB expected)"
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


def _word(best: dict[str, Any], error: float | None, noise: float) -> Word:
    left = best["residual"]
    if lost(best):
        return "nothing"
    if error is None:
        return "exact" if best["certain"] else "partial"
    if error < math.sqrt(EXACT):
        return "exact"
    if best["searched"] and len(best["images"]) == 1 and left**2 - (SLACK * noise) ** 2 < NEAR**2:
        return "partial"
    return "nothing" if error > UNKNOWN else "partial"
