"""A network of one face, as an experiment prepares it."""

from __future__ import annotations

import pytest

from gi_core import data
from gi_core.experiments import preparing
from gi_core.settings import Experiment, SpecError

FACE = ("bundled/faces:0",)


def prepared(**values):
    asked = Experiment.model_validate({"samples": FACE, **values})
    return preparing.prepare(asked, data.load(asked))


def refusal(**values) -> str:
    with pytest.raises(SpecError) as refused:
        prepared(**values)
    assert "\n" not in str(refused.value)
    return str(refused.value)
