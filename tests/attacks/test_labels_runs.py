"""What an experiment makes of the labels of a batch."""

from __future__ import annotations

import pytest

from gi_core.experiments.execute import execute
from gi_core.settings import problems
from tests import runs_helpers, victims


def test_a_run_says_how_right_each_strategy_is(gi_home, tmp_path):
    sink = runs_helpers.ListSink(tmp_path / "run")
    asked = runs_helpers.tiny(
        samples=["bundled/faces:3", "bundled/faces:150"], settings={"labels": "auto", "iterations": 2}
    )
    control = _Calm()
    labels = execute(asked, sink=sink, control=control)["labels"]
    assert set(labels["strategies"]) == {"bias_sign", "row_sum", "iterative"}
    for found in labels["strategies"].values():
        assert found == {"recovered": sorted(labels["true"]), "accuracy": 1.0}
    blind = execute(asked, sink=runs_helpers.ListSink(tmp_path / "blind"), control=control, ground_truth=False)
    assert "strategies" not in blind["labels"]


class _Calm:
    def poll(self) -> str:
        return ""


@pytest.mark.parametrize(("labels", "says"), [("idlg", "choose auto"), ("observed_delta", "choose auto")])
def test_a_batch_is_sent_to_auto(labels, says):
    two = ["bundled/faces:0", "bundled/faces:150"]
    asked = victims.experiment(samples=two, attack={"kind": "inverting_gradients", "labels": labels})
    assert [says in p.reason for p in problems(asked) if p.fatal] == [True]
    for other in ("bias_sign", "row_sum", "iterative", "auto"):
        asked = victims.experiment(samples=two, attack={"kind": "inverting_gradients", "labels": other})
        assert not [p for p in problems(asked) if p.fatal]
