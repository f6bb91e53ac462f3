"""The whole question as one JSON document, and how to read and write it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from gi_core.settings import normalising, sizes
from gi_core.settings.attacks import AnyAttack, Auto, LevenbergMarquardt
from gi_core.settings.base import Question, setting
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.client import AnyClient, AnyWeights, FedSgd, Fresh
from gi_core.settings.controls import HELP, Control
from gi_core.settings.defenses import AnyDefense
from gi_core.settings.documents import read_json
from gi_core.settings.networks import AnyModel, LeNet
from gi_core.settings.recorded_round import Recorded
from gi_core.settings.sentences import made
from gi_core.settings.servers import AnyServer, Honest

MOST_BYTES = 2**20
_Label = Annotated[int, Field(le=2**31 - 1)]


class Experiment(Question):
    """sample + model + client + defenses + attack + seed + budget."""

    schema_version: Literal[1] = 1
    samples: tuple[str, ...] = setting(
        ("bundled/astronaut",), "References of the private pictures, such as bundled/astronaut or mnist:7.",
        min_length=1, max_length=MAX_BATCH,
    )  # fmt: skip
    labels: tuple[_Label, ...] | None = setting(
        None, "Labels in place of the data's own, one for each picture.", max_length=MAX_BATCH
    )
    size: sizes.Size | None = setting(None, sizes.HELP)
    channels: Literal[1, 3] | None = setting(
        None, "Convert pictures to grey (1) or colour (3); as they are when empty."
    )
    normalise: str = setting("none", normalising.HELP)
    model: AnyModel = LeNet()
    weights: AnyWeights = Fresh()
    client: AnyClient = FedSgd()
    server: AnyServer = setting(Honest(), "What the server sends to its clients.", title="Server", added=True)
    recorded: Recorded | None = setting(None, "Files of an update that was recorded elsewhere, in place of samples.")
    defenses: tuple[AnyDefense, ...] = ()
    control: Control = setting("none", HELP, title="Standing control", added=True)
    attack: AnyAttack = LevenbergMarquardt()
    seed: int = setting(0, "Seed of the attack's starts and of the defenses' noise.", ge=0, le=2**31 - 1)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    seconds: float | None = setting(None, "Stop the attack after this long.", gt=0, le=7 * 86400)

    _size = field_validator("size", mode="before")(sizes.parsed)
    _normalise = field_validator("normalise")(normalising.checked)

    @field_validator("client", mode="before")
    @classmethod
    def _client_of_before(cls, value: Any) -> Any:
        """Documents written while there was one kind of client need not name it."""
        return {"kind": "fedsgd", **value} if isinstance(value, dict) else value

    @field_validator("labels")
    @classmethod
    def _labels_not_negative(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and any(k < 0 for k in value):
            raise ValueError("a label is a class number from 0 up")
        return value

    @property
    def pictures(self) -> int:
        """How many pictures are behind the update."""
        return self.recorded.images if self.recorded else len(self.samples)

    def to_json(self, indent: int | None = None) -> str:
        return self.model_dump_json(indent=indent)


def newcomer() -> Experiment:
    """What a question is where a person names no attack: the strongest that applies. A document without an attack keeps that of its
    class, so that what was written before asks the same.
    """
    return Experiment(attack=Auto())


def read_experiment(text: str | bytes) -> Experiment:
    """Parse JSON. Raises SpecError with one sentence."""
    values = read_json(text, MOST_BYTES, "the experiment is not valid: it")
    return made(Experiment, values, "the experiment is not valid: ")
