"""The six described deployments in order of exposure: what was recorded of them, which today's cases still are, and one update of the first."""

from __future__ import annotations

import json

import pytest

from benchmarks.deployments import EXPECTED, RECORDED
from gi_core.deployment import deployment, question
from gi_core.deployment.cases import cases_of
from gi_core.experiments.execute import execute
from gi_core.jobs.sink import Free
from gi_core.metrics.words import of_row
from gi_core.settings.sweep import members
from tests.runs_helpers import ListSink

SIX = tuple(EXPECTED)[:6]
LEVELS = ("exposed", "exposed", "exposed", "partly", "protected", "protected")


def asked(name: str):
    options = EXPECTED[name]
    return deployment({key.removeprefix("--"): value for key, value in zip(options[::2], options[1::2], strict=True)})


def test_what_was_recorded_is_in_the_order_that_was_expected():
    rows = {row["deployment"]: row for row in json.loads(RECORDED.read_text())}
    assert tuple(rows[name]["level"] for name in SIX) == LEVELS
    worst = [
        max((one["seen"] + one["traces"] / 2) / one["updates"] for one in rows[name]["cases"] if not one["measure"])
        for name in SIX
    ]
    assert worst == sorted(worst, reverse=True)
    assert worst == pytest.approx([rows[name]["exposure"] for name in SIX], abs=1e-3)


@pytest.mark.parametrize("name", SIX)
def test_what_was_recorded_is_what_is_measured_today(name):
    """Else `python -m benchmarks.deployments NAME` has to be run again."""
    (row,) = [row for row in json.loads(RECORDED.read_text()) if row["deployment"] == name]
    now = [(case.threat, case.measure, case.pictures, case.updates) for case in cases_of(asked(name))]
    assert now == [
        (one["threat"], one["measure"], one["pictures"], one["updates"] + one["failed"]) for one in row["cases"]
    ]


def test_the_first_one_gives_a_picture_away_today(gi_home, tmp_path):
    """One update, in this process."""
    first = members(question(asked("transformer")))[0].experiment
    done = execute(first, sink=ListSink(tmp_path / "run"), control=Free())
    assert of_row(done["metrics"]).level == "exposed"
