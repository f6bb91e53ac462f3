"""Where we find something else than a publication or its code, and plainly why."""

from __future__ import annotations

from gi_core.settings.base import Settings, setting


class Finding(Settings):
    """It stands beside the claims it concerns, whatever was measured of them.

    title: the matter, a few words. text: what we find, why, and how that was measured. claims: ids in the same file.
    """

    title: str = setting(..., "The matter, in a few words.", min_length=1, max_length=80)
    text: str = setting(..., "What we find, why, and how it was measured.", min_length=1, max_length=900)
    claims: tuple[str, ...] = setting(..., "The claims beside which it stands.", min_length=1, max_length=50)
