"""The ready sweeps, and what is said of a sweep's table."""

from __future__ import annotations

import pytest

from gi_core.experiments.sweeps import choices, ready, ready_path, ready_sweep
from gi_core.experiments.sweeps.answers import answer
from gi_core.experiments.sweeps.choices import Choice, default
from gi_core.settings import SpecError, problems
from gi_core.settings.sweep import build_sweep, members
from tests.test_house_rules import loaded

OPEN = ("batch_size", "parameters", "training")


@pytest.mark.parametrize("name", OPEN)
def test_every_ready_sweep_can_be_run_as_it_stands(name):
    sweep = ready_sweep(name)
    found = members(sweep)
    assert sweep.question.endswith("?") and len(found) == sweep.size <= 60
    assert not [p.reason for m in found for p in problems(m.experiment) if p.fatal]
    assert len({m.experiment.key() for m in found}) == len(found), "no experiment stands twice"
    assert {m.experiment.size for m in found} == {24}, "cheap"


def test_each_has_repeats_so_that_a_spread_can_be_shown():
    for name in OPEN:
        found = [tuple(v for k, v in m.point.items() if k != "picture and weights") for m in members(ready_sweep(name))]
        assert {found.count(point) for point in found} == {3}


def test_the_batches_are_attacked_with_equal_effort_and_different_labels():
    lines: dict[str, set[str]] = {}
    for m in members(ready_sweep("batch_size")):
        lines.setdefault(m.point["network and effort"], set()).add(m.experiment.attack.model_dump_json())
        assert m.experiment.attack.labels == "known" and len(set(m.experiment.samples)) == len(m.experiment.samples)
        assert m.point["pictures in the batch"] == str(len(m.experiment.samples))
    assert {len(attacks) for attacks in lines.values()} == {1}


def test_an_unknown_name_is_one_sentence():
    with pytest.raises(SpecError, match="did you mean 'batch_size'"):
        ready_sweep("batchsize")
    assert ready_path("training").is_file() and set(OPEN) <= set(ready())


def test_pages_may_read_them():
    assert (
        loaded(
            "import gi_core.experiments.sweeps, gi_core.experiments.sweeps.answers", "torch", "scipy.stats", "streamlit"
        )
        == []
    )


def test_what_stands_below_the_chart_and_what_in_lines():
    assert default(ready_sweep("batch_size")) == Choice("pictures in the batch", series="network and effort")
    assert default(ready_sweep("parameters")) == Choice("parameters", series="model")
    assert default(ready_sweep("training")) == Choice("epochs of training", series="attacker")
    assert default(build_sweep({})) == Choice("position")
    widths = build_sweep({"axes": [
        {"name": "seed", "path": "model.width", "values": [4, 8]}, {"name": "s", "path": "seed", "values": [0, 1]},
    ]})  # fmt: skip
    assert default(widths) == Choice("seed (axis)"), "a repeat is spread, and a name of the table's own is told apart"


def rows(values: dict[float | str, list[float | None]], **more) -> list[dict]:
    return [
        {"batch": str(x), "psnr": y, "samples": f"bundled/{k}", "size": 24, "attack": "dlg", "state": "done", **more}
        for x, found in values.items()
        for k, y in enumerate(found)
    ]  # fmt: skip


def test_a_fall_is_said_with_its_medians():
    found = answer(rows({1: [40.0, 42.0, 41.0], 2: [30.0, 29.0, 31.0], 8: [11.0, 10.0, 12.0]}), Choice("batch"))
    assert found.claim == (
        "Less leaks as batch goes from 1 to 8: median PSNR 41.0 dB at first, 11.0 dB at last (9 runs, Spearman −0.95)."
    )
    assert found.seen == "A person would see the pictures of at least half of the runs at 1 and 2."
    assert "3 pictures of 24 pixels by DLG" in found.limits and "may answer otherwise" in found.limits


def test_of_a_distance_less_is_more():
    table = rows({k: [None] for k in range(1, 10)})
    for k, row in enumerate(table):
        row["mse"] = 0.1 / (k + 1)
    assert answer(table, Choice("batch", "mse")).claim.startswith("More leaks as batch goes")


def test_no_trend_is_said():
    found = answer(rows({4: [50.0, 51.0, 50.5], 16: [52.0, 50.5, 51.25], 64: [49.0, 53.0, 51.0]}), Choice("batch"))
    assert found.claim.startswith("No trend over batch from 4 to 64: median PSNR 50.5 dB to 51.2 dB (9 runs")


def test_lines_are_told_apart_and_what_failed_is_counted():
    table = rows({k: [40.0 - k, 39.0 - k] for k in range(1, 5)}, model="lenet")
    table += rows({k: [50.0 + k % 2, 50.5] for k in range(1, 5)}, model="mlp")
    table += [
        {"batch": "9", "psnr": None, "state": "failed", "model": "mlp"},
        {"batch": "9", "psnr": None, "state": "queued"},
    ]
    found = answer(table, Choice("batch", series="model"))
    assert (
        found.claim.startswith("So far: across batch, for LeNet (DLG) less leaks from 1 to 4")
        and "; for MLP no trend" in found.claim
    )
    assert "1 experiment failed" in found.limits and "1 is still to come" in found.limits
    assert list(found.trends) == ["LeNet (DLG)", "MLP"]


def test_of_names_the_most_leaking_is_said():
    found = answer(rows({"dlg": [20.0], "idlg": [30.0]}), Choice("batch"))
    assert found.claim == ("Most leaks at batch idlg (median PSNR 30.0 dB, of 20.0 dB to 30.0 dB in all; 2 runs).")
    mixed = choices.points(rows({"fresh": [20.0], "5": [30.0]}), Choice("batch"))
    assert [x for x, _, _ in mixed[""]] == ["fresh", "5"]


def test_cells_are_numbers_where_they_read_as_such():
    assert [choices.value({"x": v}, "x") for v in ("0", "1e-3", 4, "fresh", "nan", None)] == [
        0.0, 1e-3, 4.0, "fresh", "nan", None,
    ]  # fmt: skip


def test_before_any_run_has_ended():
    assert answer([{"batch": "1", "psnr": None, "state": "queued"}], Choice("batch")).claim.startswith(
        "Nothing to say yet"
    )
