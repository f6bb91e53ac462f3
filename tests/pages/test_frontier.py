"""The frontier page without a browser: empty, started, partial, done, another grid, and what a link may name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from gi_core.experiments.sweeps import ready_sweep
from gi_core.experiments.sweeps.frontier_sweep import DISHONEST, MEDICAL, Asked, frontier_of
from gi_core.jobs import sweeps
from gi_core.settings.sweep import build_sweep
from pages.frontier import question
from tests import pages_fakes as fakes
from tests.pages.opened import charts, opened, text

SMALL = build_sweep({
    "name": "Two <b>", "base": {"size": 16},
    "axes": [
        {"name": "defense", "path": "defenses", "values": [[], ["pruning:fraction=0.9"], ["gaussian_noise:std=1"]],
         "labels": ["none", "pruning <i>", "noise 1"]},
        {"name": "attacker", "path": "attack.adaptive", "values": [False, True]},
        {"name": "picture", "path": "samples", "values": [[ref] for ref in MEDICAL[:8]]},
    ],
    "utility": {"seeds": [0, 1]},
})  # fmt: skip
PSNR = {"none": 60.0, "pruning <i>": 9.0, "noise 1": 6.0}
ACCURACY = {"none": 0.8, "pruning <i>": 0.78, "noise 1": 0.3}


def page(**query) -> AppTest:
    return opened("frontier", **query)


def finish(store, number: str, names: tuple[str, ...]) -> None:
    """The runs and trainings of these settings end, as a worker would end them."""
    out, members = fakes.writer(store), sweeps.members(store, number)
    for entry in members:
        if entry.point["defense"] in names:
            out.take(entry.job.id)
            value = PSNR[entry.point["defense"]] + 3.0 * (entry.point["attacker"] == "True")
            result = {
                "status": "done",
                "iterations": 5,
                "seconds": 1.0,
                "metrics": {"psnr": value, "ssim": value / 100},
            }
            out.finish(entry.job.id, "done", result)
    for one in sweeps.utilities(store, number):
        name = members[one.positions[0]].point["defense"]
        if name in names:
            out.take(one.job.id)
            result = {"status": "done", "accuracy": ACCURACY[name] + 0.01 * one.seed, "chance": 0.1, "epsilon": None}
            out.finish(one.job.id, "done", result)


def test_before_anything_it_explains_and_offers_one_button_with_its_size(store):
    app = page()
    assert "What it costs" in text(app) and "72 experiments and 12 trainings" in text(app)
    fakes.button(app, "frontier_run").click().run()
    (job,) = store.jobs(kinds=("sweep",))
    assert app.query_params["sweep"] == job.id and not app.exception
    assert "0 of 72 done" in text(app) and "No advice yet: 56 of 56 attacks" in text(app)
    assert len(store.jobs(kinds=("run",), parent=job.id)) == 72
    again = page()
    assert "0 of 72 done" in text(again), "the newest of the default grid is shown without an address"


def test_partial_results_are_drawn_as_they_come(store):
    number = sweeps.start(store, SMALL)
    finish(store, number, ("none", "pruning <i>"))
    app = page(sweep=number)
    said = text(app)
    assert "32 of 48 done · 4 of 6 trainings" in said
    assert "No advice yet: 16 of 48 attacks and the accuracy of 1 of 3 settings are still to come" in said
    assert "pruning &lt;i&gt;" in said and "<i>pruning" not in said
    assert charts(app) and "an earlier frontier" in said


def test_all_of_it_names_the_set_that_none_beats_and_a_setting_shows_its_runs(store):
    number = sweeps.start(store, SMALL)
    finish(store, number, tuple(PSNR))
    app = page(sweep=number)
    said = text(app)
    assert said.count("◯ yes") == 3 and "heuristic without guarantee" in said and "So far" not in said
    assert "0 of 8 pictures (0 to 32 %)" in said and "9.0 dB (9.0 dB to 9.0 dB), n = 8" in said
    app.selectbox(key="frontier_setting").set_value("noise 1").run()
    assert "attacker knows the defense: PSNR 9.0 dB" in text(app)
    assert len([p for p in app.get("page_link") if "run" in str(p.proto)]) >= 4
    app.selectbox(key="frontier_metric").set_value("ssim").run()
    assert not app.exception and "SSIM" in text(app)
    for who in ("naive", "adaptive"):
        app.segmented_control(key="frontier_who").set_value(who).run()
        assert not app.exception


def test_another_grid_is_made_in_the_form_and_refused_with_a_sentence(store):
    app = page()
    app.multiselect(key="frontier_defenses").set_value(["pruning 50 %"])
    app.text_area(key="frontier_more").set_value("gaussian_noise:std=0.03\nclipping:norm=1 + laplace_noise:scale=0.1")
    app.multiselect(key="frontier_pictures").set_value(["bundled/cell"])
    app.button(key="frontier_use").click().run()
    assert "9 experiments and 12 trainings" in text(app), "the controls of one picture are two"
    app.text_area(key="frontier_more_1").set_value("gaussian_nois")
    app.button(key="frontier_use").click().run()
    assert "did you mean" in text(app) and not app.exception
    app.text_area(key="frontier_more_1").set_value("secure_aggregation")
    app.button(key="frontier_use").click().run()
    assert "set pictures behind an update to 2 or more" in text(app)
    app.number_input(key="frontier_behind_1").set_value(4)
    app.multiselect(key="frontier_servers_1").set_value(["honest", "imprint"])
    app.selectbox(key="frontier_attack_1").set_value(DISHONEST.attack)
    app.toggle(key="frontier_controls_1").set_value(False)
    app.button(key="frontier_use").click().run()
    assert "8 experiments and 9 trainings" in text(app), "of two servers one training: the network learns all the same"
    app.button(key="frontier_default").click().run()
    assert "72 experiments and 12 trainings" in text(app)


def test_the_ready_grids_are_what_the_form_makes():
    assert frontier_of(Asked()) == question.first() == ready_sweep("frontier")
    assert frontier_of(DISHONEST) == question.second() == ready_sweep("dishonest")
    names = [name for name in Asked().settings if name != "none"]
    assert question.make(Asked(), names, "") == Asked()
    for wrong, said in (
        ({"settings": {"none": ()}}, "one defense at least"), ({"pictures": ()}, "one picture at least"), ({"servers": ()}, "one server at least"),
        ({"servers": ("fishing",)}, "2 or more"), ({"settings": {"none": (), "s": ("secure_aggregation",)}}, "2 or more"),
        ({"behind": 99}, "at most 16 pictures"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            frontier_of(replace(Asked(), **wrong))


@pytest.mark.parametrize("number", ["0" * 12, "<script>", "../x"])
def test_a_link_to_nothing_shows_the_empty_page(store, number):
    app = page(sweep=number)
    assert fakes.button(app, "frontier_run")


def test_a_sweep_without_accuracy_is_not_taken_for_a_frontier(store):
    number = sweeps.start(store, build_sweep({"axes": [{"name": "seed", "path": "seed", "values": [0, 1]}]}))
    assert app_without(page(sweep=number))


def app_without(app: AppTest) -> bool:
    return "0 of 2 done" not in text(app) and bool(fakes.button(app, "frontier_run"))


def test_a_data_set_with_few_pictures_is_dealt_out_as_far_as_it_goes():
    def pictures(data: str) -> int:
        return frontier_of(replace(Asked(), data=data)).utility.pictures

    assert (
        pictures("faces") == 36 and pictures("bundled") == pictures("mnist") == ready_sweep("frontier").utility.pictures
    )
