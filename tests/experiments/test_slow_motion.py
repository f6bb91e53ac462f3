"""Slow motion: the attack's own steps, with the numbers that a class reads."""

from __future__ import annotations

import pytest

from gi_core.experiments import slow_motion
from gi_core.experiments.setup import Questions
from gi_core.settings import SpecError, build
from gi_core.settings.presets import preset


def shown(folder, attack, iterations=3):
    asked = preset("DLG").experiment.model_dump(mode="json") | {"attack": attack}
    return slow_motion.answer(build(asked), iterations, folder, Questions(), lambda *_: None)


def test_each_iteration_begins_where_the_one_before_ended_and_the_search_gets_closer(tmp_path):
    moments = shown(tmp_path, {"kind": "dlg"})["moments"]
    assert [m["iteration"] for m in moments] == [1, 2, 3]
    assert all(b["loss"] == pytest.approx(a["after"], rel=1e-3) for a, b in zip(moments, moments[1:], strict=False))
    assert moments[-1]["after"] < moments[0]["loss"] and all(m["moved"] > 0 and m["gradient"] > 0 for m in moments)
    assert all((tmp_path / m["picture"]).is_file() for m in moments)


def test_a_step_of_plain_descent_is_the_rate_times_the_sign(tmp_path):
    attack = {"kind": "inverting_gradients", "optimiser": "adam", "learning_rate": 0.1, "iterations": 50}
    found = shown(tmp_path, attack, 1)
    assert "Adam" in found["rule"]
    (moment,) = found["moments"]
    assert (
        0 < moment["moved"] <= 0.1 * (3 * 32 * 32) ** 0.5 * 1.01
    )  # no pixel moves further than the rate in Adam's first step


@pytest.mark.parametrize(
    ("attack", "iterations", "said"), [({"kind": "rgap"}, 3, "attacks that search"), ({"kind": "dlg"}, 31, "1 to 30")]
)
def test_what_has_no_slow_motion_is_refused(tmp_path, attack, iterations, said):
    with pytest.raises(SpecError, match=said):
        shown(tmp_path, attack, iterations)
