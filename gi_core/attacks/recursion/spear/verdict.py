"""What the attack says of its own result, by what the attacker sees."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gi_core.attacks.base import Certificate, State
from gi_core.attacks.recursion.spear.given import Given
from gi_core.settings.spear_bounds import written

REPLAYED = 1e-3
"""Relative misfit of the whole gradient up to which it proves the pictures by itself; twice its noise where that is more."""
ROUGH = 1e-3
"""Expected error of a value from which it is said."""
UNLIKE = 0.1
"""Misfit from which pictures that the masks prove were not averaged with equal weights, or not with the labels that were read."""


def note(state: State, given: Given, b: int) -> str:
    """What is said at the end, about b directions."""
    found, images = state["found"], given.update.images
    if state["best"] is None:
        said = [short(found, b)]
    else:
        said = [pictures(state["facts"], b, found, given.several_steps)]
        if given.tensors[3] is None:
            said.append("no bias was sent, so the brightness of each picture is set by its range")
    if state["misfits"] is not None:
        said.append(inverted(given.layer.name, state["misfits"]))
    lacking = missing(b, images, state["counts"])
    return "; ".join([*said, *([lacking] if lacking else [])])


def short(found: dict[str, Any], b: int) -> str:
    """Of a search that ended before all directions were found."""
    return (
        f"{len(found['q'])} of {b} directions were found in {_tries(found)}, and a picture needs all of them: raise attack.proposals"
        " and attack.starts, or choose fewer pictures, a wider layer or gradient matching"
    )


def missing(read: int, images: int, counts: list[int] | None) -> str:
    """What it means that the rank shows fewer pictures than there are; "" where it does not."""
    if read >= images:
        return ""
    words = f"the rank shows {read} of {images} pictures"
    if counts and sum(counts) == images:
        twice = ", ".join(f"picture {k + 1} stands for {n}" for k, n in enumerate(counts) if n > 1)
        return f"{words}, as equal ones merge ({twice})"
    return f"{words}: equal ones merge, and those the network is sure of vanish in rounding"


def pictures(facts: dict[str, Any], b: int, found: dict[str, Any], several: bool) -> str:
    """Of pictures that were told apart."""
    words = f"{b} picture{'' if b == 1 else 's'} from {_tries(found)}: {100 * facts['agreed']:.4g} % of the masks agree"
    if facts.get("replayed") is not None:
        words += f", and their gradient differs from the update by {facts['replayed']:.1e} of it"
        if facts["believed"] and facts["replayed"] > UNLIKE:
            words += ", so labels or the pictures' weights are not those of one mean (clipping each picture does that)"
    elif several:
        words += (
            f", with weights that moved since, and {100 * facts['outside']:.2g} % of the pixels lie outside their range"
        )
    if facts["error"] > ROUGH:
        words += f"; what is rounded or noisy leaves an error of about {facts['error']:.0e} in the worst of them"
    return words if facts["believed"] else f"{words}: they are not to be trusted"


def _tries(found: dict[str, Any]) -> str:
    tried = [f"{written(found['sampled'])} proposals"] * bool(found["sampled"])
    tried += [f"{found['started']:,} starts"] * bool(found["started"])
    return " and ".join(tried) or "one column"


def inverted(layer: str, misfits: Tensor) -> str:
    """Of pictures behind convolutions."""
    worst, usual = float(misfits.max()), float(misfits.median())
    return (
        f"the features that enter layer {layer} are exact, and the pictures were searched from them: they explain theirs to"
        f" {usual:.1e}, the worst to {worst:.1e}"
    )


def certificate(state: State, given: Given, b: int) -> Certificate | None:
    """By the rank of the layer and the gradient of the pictures; nothing of a search from features, nor of several steps."""
    facts = state["facts"]
    if state["pictures"] is None or not facts.get("believed") or not given.direct or facts["replayed"] is None:
        return None
    by = f"{b} directions of layer {given.layer.name}, which its masks prove"
    return Certificate(by, missing(b, given.update.images, state["counts"]), facts["error"])
