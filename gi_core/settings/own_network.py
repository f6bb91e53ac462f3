"""A network that is not of the zoo: where its module comes from, and what checks without torch need to know of it.

Importing a person's code is the right of whoever types its name, on a command line or in Python. A page and its workers
have no such right, so they show what was stored of such a network and run none of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from gi_core.common.errors import SpecError
from gi_core.settings.base import setting
from gi_core.settings.bounds import MAX_SIZE
from gi_core.settings.graph import Graph, Shape
from gi_core.settings.network_base import Model

MEMORY = "memory:"
FORMS = "package.module:callable, or a .pt2 file of torch.export"
_CODE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_HELD = re.compile(r"memory:[\w.-]{1,120}")
_Side = Annotated[int, Field(ge=1, le=MAX_SIZE)]


def is_source(text: str) -> bool:
    """Whether a text names a person's own network: code, a file of torch.export, or a module in memory."""
    return text.endswith(".pt2") or bool(_CODE.fullmatch(text) or _HELD.fullmatch(text))


class OwnNetwork(Model):
    """source: `package.module:callable`, a `.pt2` file, or `memory:NAME` of a module that this process holds. The rest is
    filled in from the module (`gi_core.networks.own`), for checks that load no torch.
    """

    kind: Literal["own"] = "own"
    title: ClassVar[str] = "Network of your own"
    description: ClassVar[str] = (
        "Any torch module: from package.module:callable, from a file of torch.export, or held by a Python process."
    )
    offered: ClassVar[bool] = False
    runs_code: ClassVar[bool] = True

    source: str = setting(..., f"Where the module comes from: {FORMS}.", title="Source", min_length=3, max_length=1024)
    input: tuple[_Side, _Side, _Side] | None = setting(
        None, "Channels, height and width of the only pictures it takes; nothing where it takes several.", title="Input"
    )
    channels: int | None = setting(None, "Channels of the pictures it takes.", title="Channels", ge=1, le=64)
    single: bool = setting(False, "Whether it has one output, for two classes.", title="One output")
    bias: bool = setting(True, "Whether its last layer has a bias.", title="Last bias")
    batch_norm: bool = setting(False, "Whether it has batch norm.", title="Batch norm")
    kinks: bool = setting(True, "Whether it has, or may have, activations with a kink.", title="Kinks")
    frozen: int = setting(0, "Tensors that do not train.", title="Frozen", ge=0, le=2**20)
    parameters: int = setting(0, "Trainable values; 0 where unknown.", title="Parameters", ge=0, le=2**40)
    values: int = setting(
        0, "Values of all layers' outputs for one pixel; 0 where unknown.", title="Values", ge=0, le=2**40
    )

    @field_validator("source")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if not is_source(value):
            raise ValueError(f"{value[:80]!r} is no network of your own: give {FORMS}")
        return value

    @property
    def name(self) -> str:
        """As it is written on a command line."""
        return self.source

    @property
    def has_batch_norm(self) -> bool:
        return self.batch_norm

    @property
    def one_logit(self) -> bool:
        return self.single

    @property
    def kinked(self) -> bool:
        return self.kinks

    @property
    def channels_only(self) -> int | None:  # type: ignore[override]  # of one network, not of its kind
        return self.channels

    def side_for(self, side: int) -> int:
        return self.input[1] if self.input else side


_allowed: set[str] = set()
_every = False
Draw = Callable[[OwnNetwork, Shape, bool], Graph]
"""Settings, (C, H, W), and whether what is no layer stands in the graph as `Opaque`, to a graph. Raises SpecError."""
_draw: Draw | None = None


def allow(source: str | None = None) -> None:
    """From now on this process may import the code of `source`, or of every source."""
    global _every
    _every = _every or source is None
    _allowed.update([source] if source else ())


def barred(settings: OwnNetwork) -> str | None:
    """Why this process does not run a network, in one sentence; None where it does."""
    if not settings.runs_code:
        return None
    if settings.source in _allowed or (_every and not settings.source.startswith(MEMORY)):
        return None
    if settings.source.startswith(MEMORY):
        return (
            f"the network {settings.source[len(MEMORY) :]} lives in the Python process that made it: repeat the run there, with"
            " gi.attack"
        )
    return (
        f"the network {settings.source} is code of yours, which only a command line or Python may run: ask"
        f" python -m gi_core attack --model {settings.source}"
    )


def draw_with(draw: Draw) -> None:
    """Let checks see the layers of own networks in this process."""
    global _draw
    _draw = draw


def can_draw() -> bool:
    """Whether checks see the layers of own networks in this process."""
    return _draw is not None


def drawn(settings: OwnNetwork, input_shape: Shape, *, opaque: bool = False) -> Graph:
    """The layer graph of a person's own network. Raises SpecError where this process does not run it, or, unless `opaque`,
    where a part of it is no layer.
    """
    reason = barred(settings)
    if reason or _draw is None:
        raise SpecError(reason or "no module was loaded in this process: build the network first")
    return _draw(settings, input_shape, opaque)
