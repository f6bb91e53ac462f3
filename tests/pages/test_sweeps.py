"""The page of sweeps without a browser: ready ones, the form, a file, and what a sweep answers."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from gi_core.experiments.sweeps import ready, ready_sweep
from gi_core.jobs import sweeps
from gi_core.settings import build
from gi_core.settings.sweep import build_sweep
from gi_core.settings.sweep_text import to_toml
from pages.shared.sweeps import making
from tests import pages_fakes as fakes
from tests.pages.opened import ROOT, charts, opened, text

SMALL = build_sweep({
    "name": "Widths <b>", "question": "Does width matter?", "base": {"size": 16, "samples": ["bundled/coffee"]},
    "axes": [
        {"name": "width", "path": "model.width", "values": [2, 4, 8]}, {"name": "seed", "path": "seed", "values": [0, 1, 2]},
    ],
})  # fmt: skip


def page(**query) -> AppTest:
    return opened("sweeps", **query)


def finish(store, number: str, psnr) -> None:
    """The sweep's runs end, as a worker would end them. psnr: of an experiment, by its point; None fails."""
    out = fakes.writer(store)
    for entry in sweeps.members(store, number):
        if entry.job.state != "queued":
            continue
        out.take(entry.job.id)
        value = psnr(entry.point)
        if value is None:
            out.finish(entry.job.id, "failed", error="the update is almost zero")
            continue
        result = {"status": "done", "seconds": 2.0, "iterations": 5, "model": {"parameters": 100 * int(entry.point["width"])},
                  "metrics": {"psnr": value, "ssim": 0.5, "mse": 0.01}}  # fmt: skip
        out.finish(entry.job.id, "done", result)


def test_every_ready_sweep_has_a_card_with_its_question_and_size(store):
    app = page()
    said = text(app)
    for name, sweep in ready().items():
        assert sweep.question in said and app.button(key=f"run_{name}").label == "Run"
    assert "36 experiments · about 1 min 30 s on two cores" in said and "None yet" in said


def test_running_a_ready_one_shows_it_and_its_card_opens_it(store):
    app = page()
    app.button(key="run_batch_size").click().run()
    (job,) = store.jobs(kinds=("sweep",))
    assert app.query_params["sweep"] == job.id and len(store.jobs(parent=job.id)) == 36
    assert "python -m gi_core sweep batch_size<" in text(app)
    assert ready_sweep("batch_size").question in text(app) and "Nothing to say yet" in text(app)
    again = page()
    assert again.button(key="open_batch_size").label == "Open (running)"
    assert "0 of 36 done" in text(again)


def test_partial_results_are_answered_drawn_and_listed(store):
    number = sweeps.start(store, SMALL)
    finish(store, number, lambda p: 10.0 * int(p["width"]) + int(p["seed"]) if p["width"] != "8" else None)
    app = page(sweep=number)
    said = text(app)
    assert "Widths &lt;b&gt;" in said and "Widths <b>" not in said
    assert "6 of 9 done · 3 failed" in said and "3 experiments failed" in said
    assert "Most leaks at width 4 (median PSNR 41.0 dB" in said, "six runs are too few for a direction"
    assert said.count('target="_self">Open</a>') == 9 and "The update is almost zero" in said
    assert charts(app)


def test_a_trend_is_said_and_another_measure_chosen(store):
    number = sweeps.start(store, SMALL)
    finish(store, number, lambda p: 10.0 * int(p["width"]) + int(p["seed"]))
    app = page(sweep=number)
    assert "More leaks as width goes from 2 to 8: median PSNR 21.0 dB at first, 81.0 dB at last" in text(app)
    app.selectbox(key="sweep_x").set_value("parameters").run()
    assert "as parameters goes from 200 to 800" in text(app)
    app.selectbox(key="sweep_y").set_value("ssim").run()
    assert "median SSIM 0.500" in text(app) and not app.exception


def test_controls_reach_the_sweep(store):
    number = sweeps.start(store, SMALL)
    app = page(sweep=number)
    app.button(key=f"pause_{number}").click().run()
    assert sweeps.status(store, number).state == "paused"
    app.button(key=f"resume_{number}").click().run()
    assert sweeps.status(store, number).state == "running"
    app.button(key=f"cancel_{number}").click().run()
    assert sweeps.status(store, number).state == "cancelled" and f"resume_{number}" in {b.key for b in app.button}
    app.button(key="sweeps_back").click().run()
    assert "sweep" not in app.query_params and "What changes when one thing changes" in text(app)


def test_files_are_offered(store):
    number = sweeps.start(store, SMALL)
    labels = [b.label for b in page(sweep=number).get("download_button")]
    assert labels == ["Table (CSV)", "Table (HTML)", "Sweep (TOML)"]


@pytest.mark.parametrize("number", ["x", "0" * 12, "../../etc/passwd"])
def test_a_wrong_address_is_one_sentence(store, number):
    app = page(sweep=number)
    assert [w.value for w in app.warning] == [
        "There is no such sweep here: it may have been deleted, or the link is incomplete."
    ]


def test_a_sweep_is_made_of_what_varies(store):
    app = page()
    app.text_input(key="sweep_name").set_value("Mine").run()
    app.selectbox(key="axis_0").set_value("width").run()
    app.text_input(key="axis_0_width").set_value("4, 8").run()
    app.selectbox(key="axis_1").set_value("defense").run()
    app.multiselect(key="axis_1_defense").set_value(["none", "gaussian_noise", "pruning"]).run()
    assert "6 experiments" in text(app)
    fakes.button(app, "run_sweep_form").click().run()
    (job,) = store.jobs(kinds=("sweep",))
    assert job.title == "Mine" and len(store.jobs(parent=job.id)) == 6 and app.query_params["sweep"] == job.id


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("4, x", "&#x27;x&#x27; is no value"), ("1-5000", "1000 are allowed"), ("0", "Experiment 1 of the sweep (width 0)"),
        ("", "Give one value at least"),
    ],
)  # fmt: skip
def test_wrong_values_are_one_sentence(store, values, said):
    app = page()
    app.selectbox(key="axis_0").set_value("width").run()
    app.text_input(key="axis_0_width").set_value(values).run()
    assert said in text(app) and not [b for b in app.button if b.key == "run_sweep_form"]


def test_what_cannot_be_run_is_told_before(store):
    app = page()
    app.selectbox(key="sweep_base").set_value("Astronaut, exact").run()
    app.selectbox(key="axis_0").set_value("steps").run()
    assert "1 is left out: Levenberg-Marquardt works on one gradient" in text(app) and ">1 experiment ·" in text(app)


def test_the_labs_form_can_be_the_base(store):
    app = page()
    assert app.selectbox(key="sweep_base").options[0] == "The lab's form"


def test_a_page_takes_no_free_path(store):
    from pages.shared.sweeps import asking

    sweep = build_sweep(
        {"base": {"samples": ["/etc/hostname"]}, "axes": [{"name": "s", "path": "seed", "values": [0]}]}
    )
    assert asking.look(sweep.base).startswith("a page cannot open")
    assert to_toml(sweep)


def test_the_form_is_as_it_was_after_a_sweep_was_looked_at(store):
    number = sweeps.start(store, SMALL)
    app = page()
    app.text_input(key="sweep_name").set_value("Kept").run()
    base = app.selectbox(key="sweep_base").options[2]
    app.selectbox(key="sweep_base").set_value(base).run()
    app.selectbox(key="axis_0").set_value("seed").run()
    app.text_input(key="axis_0_seed").set_value("4, 5").run()
    app.toggle(key="sweep_accuracy").set_value(True).run()
    app.button(key=f"show_{number}").click().run()
    assert app.query_params["sweep"] == number
    app.button(key="sweeps_back").click().run()
    assert app.text_input(key="sweep_name").value == "Kept" and app.selectbox(key="sweep_base").value == base
    assert app.selectbox(key="axis_0").value == "seed" and app.text_input(key="axis_0_seed").value == "4, 5"
    assert app.toggle(key="sweep_accuracy").value and not app.exception and not app.warning


def test_a_change_is_kept_where_the_click_that_opens_a_sweep_comes_with_it(store):
    number = sweeps.start(store, SMALL)
    app = page()
    app.text_input(key="sweep_name").set_value("Kept")
    app.button(key=f"show_{number}").click().run()
    app.button(key="sweeps_back").click().run()
    assert app.text_input(key="sweep_name").value == "Kept" and not app.exception


def test_a_run_in_the_lab_is_varied_here(store):
    run = fakes.run(store, experiment=build({"samples": ["bundled/rocket"], "size": 32, "seed": 77}))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["run"] = run
    app.run()
    fakes.button(app, "vary").click().run()
    assert not app.exception and app.selectbox(key="sweep_base").value == making.LAB
    assert app.session_state["form.experiment"].seed == 77 and app.session_state["form.experiment"].size == 32
