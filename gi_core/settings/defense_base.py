"""What every defense says of itself: where it acts, what it changes, reveals and promises, how it perturbs.

Whatever else asks about a defense asks this, never its kind. A defense that says nothing of how it perturbs an update is
allowed for by no attack, predicted by no formula, and taken for one that may hide anything.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import Component

Hook = Literal["wrap_model", "local_round", "filter_update"]
Changes = Literal["pictures", "architecture", "local round", "gradient", "update"]
Perturbation = Literal[
    "noise", "direction", "clearing", "rounding", "rescaling", "withholding", "bottleneck", "mixture", "opaque"
]
"""What becomes of the values that are sent. noise: independent, of a known deviation. direction: all values along one direction.
clearing: some are zero, and what was kept is exact. rounding: to a grid. rescaling: all by one unknown factor. withholding:
some are not there. bottleneck: of a network with chance inside. mixture: of pictures that are blends. opaque: nothing that
any attack could allow for.
"""
Revealed = Literal[
    "sigma", "law", "strength", "clip", "noise_multiplier", "per_picture", "fraction", "mask", "levels", "steps", "format",
    "relative_step", "layer", "withheld", "bottleneck", "soft_labels", "coefficients",
]  # fmt: skip
"""Words of `Defense.known`: what a server that knows of a defense knows of this round."""
HEURISTIC = "heuristic, no guarantee"


class DefenseSettings(Component):
    """hook: where the code acts. changes: what that is to a person. guarantee: what it promises, in words.

    perturbs: what becomes of the values, first what decides whether knowing of it helps; empty: not declared.
    reveals: what the server learns of it at most. predicted: whether what is sent is the gradient of the private pictures
    and something added to it, of which a formula says what shows. unread: why nothing of it can be read off an update that
    was recorded elsewhere; empty where it can. by_features: whether it works on features that dropout would drop.
    """

    hook: ClassVar[Hook] = "filter_update"
    changes: ClassVar[Changes] = "update"
    guarantee: ClassVar[str] = HEURISTIC
    perturbs: ClassVar[tuple[Perturbation, ...]] = ()
    reveals: ClassVar[frozenset[Revealed]] = frozenset()
    predicted: ClassVar[bool] = False
    unread: ClassVar[str] = ""
    by_features: ClassVar[bool] = False

    @classmethod
    def only(cls, *perturbations: Perturbation) -> bool:
        """Whether it says how it perturbs, and does so in no other way than these."""
        return bool(cls.perturbs) and set(cls.perturbs) <= set(perturbations)

    @classmethod
    def hides_zeros(cls) -> bool:
        """Whether a tensor of zeros behind it is no sign of a layer that did not train."""
        return not cls.perturbs or bool({"clearing", "withholding", "opaque"} & set(cls.perturbs))
