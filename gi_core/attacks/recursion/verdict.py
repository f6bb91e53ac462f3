"""What the recursion says of its own result, in one sentence."""

from __future__ import annotations

from gi_core.attacks.base import Certificate
from gi_core.attacks.recursion import tracks
from gi_core.attacks.recursion.tracks import Track

EXACT, INEXACT = 1e-3, 1e-4
"""Expected relative error of a picture, and relative residual of a layer's equations, up to which nothing is said of them."""


def note(track: Track, images: int) -> str:
    """One sentence about the best track of an update of so many pictures."""
    deficient, residual, error = track["deficient"], track["residual"], track["error"]
    if images > 1:
        return f"one mixture of {images} pictures: a recursion does not separate them"
    if deficient and track["chosen"]:
        return f"layer {deficient} is short of equations: {track['chosen']}"
    if deficient:
        return f"layer {deficient} is short of equations: what lies below it is the smallest solution, not the true one"
    if residual > INEXACT:
        return (
            f"the equations contradict each other by {residual:.1e}, so the update is not an exact gradient of one"
            f" picture; expect a relative error of about {min(error, 9.99):.2g}"
        )
    if error > EXACT:
        return f"solved, but a layer amplifies rounding: expect a relative error of about {error:.1g}"
    if track["closed"]:
        return f"layer {track['closed']} is short of equations, and virtual constraints close the gap exactly"
    return "every layer is determined and its equations agree"


def certificate(candidates: list[Track]) -> Certificate | None:
    """What the layers' ranks prove of the best candidate of one picture; None where another one fulfils the equations too."""
    best = tracks.best(candidates)
    if best["image"] is None or not best["residual"] <= INEXACT:
        return None
    if (
        sum(tracks.alive(candidates, t) and tracks.source_of(candidates, t)["residual"] <= INEXACT for t in candidates)
        > 1
    ):
        return None
    track = tracks.source(candidates)
    if track["deficient"]:
        return Certificate("the equations of its layers", f"layer {track['deficient']} is short of equations")
    return Certificate("the equations of its layers, each of full rank", error=track["error"])
