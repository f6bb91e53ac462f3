"""A network of torchvision's or timm's zoo, by its name there."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import field_validator

from gi_core.settings.own_network import OwnNetwork

LIBRARIES = ("torchvision", "timm")
_NAME = re.compile(r"(torchvision|timm):[A-Za-z0-9][\w.-]{0,119}")


def is_library(text: str) -> bool:
    """Whether a text names a network of a library, right or wrong."""
    return text.partition(":")[0] in LIBRARIES and ":" in text


class LibraryNetwork(OwnNetwork):
    """source: `torchvision:NAME` or `timm:NAME`. It runs no code of a person's, so any process may build it."""

    kind: Literal["library"] = "library"  # type: ignore[assignment]
    title: ClassVar[str] = "Network of a library"
    description: ClassVar[str] = "A network of torchvision or of timm by its name there, such as torchvision:resnet101."
    pretrained: ClassVar[bool] = True
    runs_code: ClassVar[bool] = False

    @field_validator("source")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value[:80]!r} names no network of a library: give torchvision:NAME or timm:NAME")
        return value
