"""What every defense says of itself: where it acts, what it changes, what it promises."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import Component

Hook = Literal["wrap_model", "local_round", "filter_update"]
Changes = Literal["pictures", "architecture", "local round", "gradient", "update"]
HEURISTIC = "heuristic, no guarantee"


class DefenseSettings(Component):
    """hook: where the code acts. changes: what that is to a person. guarantee: what it promises, in words."""

    hook: ClassVar[Hook] = "filter_update"
    changes: ClassVar[Changes] = "update"
    guarantee: ClassVar[str] = HEURISTIC
