"""Matched, unique, right: what may be claimed of a result, and by whom (docs/words.md). No torch.

*Matched*: what the answer leaves of the update is within the update's own error. *Unique*: no other picture nearby explains it as
well. Both are known without the truth, and neither means *right*: a person would see the original in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.metrics.verdicts import of_result
from gi_core.metrics.words import PERSON, Said
from gi_core.metrics.words import of_row as words_of_row
from gi_core.types.attacker_parts import Attacker, Words
from gi_core.types.result import Result

CLAIMS = ("matched", "unique", "right")


def words_of(result: Result) -> Words:
    """The words of a result, old or new, by today's rule; null for what is not known."""
    return words(result["attacker"], of_result(result))


def words(attacker: Attacker, said: Said) -> Words:
    """The words of an answer. attacker: what it knows of itself. said: of the pictures beside the originals, empty without them."""
    certainty = attacker.get("certainty")
    return {
        "matched": matched(attacker),
        "unique": certainty["unique"] if certainty else None,
        "right": said.person in PERSON[:2] if said else None,
        "person": said.person,
        "machine": said.machine,
        "level": said.level,
    }


def matched(attacker: Attacker) -> bool | None:
    """Whether the answer explains the update to the update's own precision; None where that was not worked out."""
    certainty = attacker.get("certainty")
    if "at_floor" in attacker:
        return attacker["at_floor"]
    if certainty is None:
        return None
    if certainty["unique"] is not None:
        return True
    return False if certainty["sentence"].startswith("Not matched") else None  # results of before `at_floor` was kept


def sentence(found: Mapping[str, Any]) -> str:
    """All that is known in words, for one line of a terminal or a caption: `seen, found; matched, not unique, right`."""
    label = Said(found.get("person") or "", found.get("machine") or "").label
    return "; ".join(filter(None, (label, told(found)))) or "nothing is known of it"


def of_row(row: Mapping[str, Any]) -> str:
    """`sentence` of a row of a sweep's table; "" where nothing was measured."""
    said = words_of_row(row)
    return (
        sentence({**row, "person": said.person, "machine": said.machine})
        if said or row.get("matched") is not None
        else ""
    )


def told(found: Mapping[str, Any], truth: bool = True) -> str:
    """`matched, not unique, right`: what is known of the three. truth: whether the third may be told."""
    names = CLAIMS if truth else CLAIMS[:2]
    return ", ".join(name if found[name] else f"not {name}" for name in names if found.get(name) is not None)
