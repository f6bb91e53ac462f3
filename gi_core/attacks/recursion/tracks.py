"""Candidates of the last layer on their way down, as plain dicts that a checkpoint can hold.

A track: k, x of its candidate; value, back where the recursion stands; residual, error: worst of the determined
layers; deficient: first layer short of rank, with how it was `chosen`; closed: layers completed for certain. A track
with `scale` is that multiple of track `of` and goes along with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gi_core.attacks.recursion.top import Candidate
from gi_core.attacks.recursion.walk import Descent, Front

HOPELESS, WORSE = 1e-3, 100.0
"""A candidate whose equations contradict each other by more than both (of the best) is dropped."""
Track = dict[str, Any]


def fresh(found: list[Candidate], scaling: bool) -> list[Track]:
    """A track for each candidate. scaling: candidates of equal label are scaled copies of the first."""
    tracks = []
    for i, c in enumerate(found):
        of = next(j for j, other in enumerate(found) if other.label == c.label) if scaling else i
        tracks.append({
            "k": torch.from_numpy(np.array(c.k)), "x": torch.from_numpy(np.array(c.x)), "label": c.label, "words": c.words,
            "of": of, "scale": float(found[of].k[0] / c.k[0]) if of != i else 0.0, "alive": True, "value": None, "back": None,
            "residual": 0.0, "error": 0.0, "deficient": "", "chosen": "", "closed": "", "image": None,
        })  # fmt: skip
    return tracks


def front(track: Track) -> Front:
    """Where the recursion stands on this track."""
    return Front(track["value"].numpy(), track["back"].numpy())


def advance(track: Track, found: Descent, name: str) -> None:
    """Take over what was found of the input of layer `name`."""
    solution = found.solution
    track["value"] = torch.from_numpy(np.array(found.front.value))
    track["back"] = torch.from_numpy(np.array(found.front.back))
    track["last"] = {
        "route": solution.route, "rank": int(solution.rank), "unknowns": int(solution.x.size), "note": found.note,
        "condition": float(solution.condition), "residual": float(solution.residual), "error": float(solution.error),
    }  # fmt: skip
    if solution.deficiency and found.certified:
        track["closed"] = " and ".join(filter(None, (track["closed"], name)))
    elif solution.deficiency and not track["deficient"]:
        track["deficient"], track["chosen"] = name, found.note
    if not track["deficient"]:
        track["residual"] = max(track["residual"], solution.residual)
        track["error"] = max(track["error"], solution.error)


def moving(tracks: list[Track]) -> list[Track]:
    """Tracks that are worked out themselves, not copied from another."""
    return [t for t in tracks if t["alive"] and not t["scale"]]


def drop(tracks: list[Track]) -> list[str]:
    """Give up tracks that contradict the equations. Returns the events."""
    own, said = moving(tracks), []
    least = min((t["residual"] for t in own), default=0.0)
    for t in own if len(own) > 1 else ():
        if t["residual"] > max(HOPELESS, WORSE * least):
            t["alive"] = False
            said.append(f"given up: {t['words']} contradicts the equations by {t['residual']:.1e}")
    return said


def scores(tracks: list[Track]) -> Tensor:
    """Worst residual of a layer, plus how far the picture strays outside [0, 1] on average."""
    found = []
    for t in tracks:
        source = tracks[t["of"]]
        score = source["residual"] if source["alive"] else float("inf")
        if t["image"] is not None:
            score += float((t["image"] - t["image"].clamp(0, 1)).abs().mean())
        found.append(score)
    return torch.tensor(found, dtype=torch.float64)


def best(tracks: list[Track]) -> Track:
    """The track of least score."""
    return tracks[int(scores(tracks).argmin())]


def source(tracks: list[Track]) -> Track:
    """The best track, or the one that it is a scaled copy of."""
    return source_of(tracks, best(tracks))


def source_of(tracks: list[Track], track: Track) -> Track:
    """The track itself, or the one that it is a scaled copy of."""
    return tracks[track["of"]]


def alive(tracks: list[Track], track: Track) -> bool:
    """Whether it was not given up."""
    return bool(source_of(tracks, track)["alive"])
