"""An update that a real client sent, in place of one that is played here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from gi_core.settings.base import Settings, setting
from gi_core.settings.bounds import MAX_BATCH

MOST_PATTERNS = 20_000
MISSING = "missing"
"""A value of `withheld`: what the file lacks was not sent."""


class Recorded(Settings):
    """Files of one round. Each path is a file on this machine (command line) or `upload:<sha256>` (browser).

    The published trio: checkpoint of the global network, `updates…npz`, `batchnorm…npz`. How the client trained is
    said by `Experiment.client`, the network by `Experiment.model`, the pictures' shape by `size` and `channels`.
    """

    checkpoint: str = setting("", "The global network before the round.", title="Checkpoint", min_length=1)
    update: str = setting("", "What the client sent.", title="Update", min_length=1)
    statistics: str | None = setting(
        None,
        "Batch norm statistics after the round; worked out from checkpoint and update when empty.",
        title="Batch norm statistics",
    )
    reference: str | None = setting(
        None, "The private picture, where it is known: only to judge the result.", title="Reference picture"
    )
    images: int = setting(1, "Pictures behind the update.", title="Pictures", ge=1, le=MAX_BATCH)
    withheld: tuple[str, ...] = setting(
        (),
        "Tensors that the client did not send, by the network's own names or patterns of them (layer4.*); missing: whatever"
        " the file lacks was not sent.",
        title="Withheld tensors",
        max_length=MOST_PATTERNS,
    )
    sent: tuple[str, ...] = setting(
        (), "Tensors that the client sent, by names or patterns (fc.*), where it sent a part; all of them when empty.",
        added=True, title="Tensors sent", max_length=MOST_PATTERNS,
    )  # fmt: skip
    contents: Literal["auto", "change", "weights"] = setting(
        "auto",
        "What a weight change's file holds: the change, or the whole weights after the round, from which the checkpoint is"
        " subtracted; auto tells them apart by their likeness to the checkpoint.",
        added=True,
        title="Contents",
    )

    @field_validator("withheld", "sent", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Accept names as one text with commas, as a command line gives them."""
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value
