"""The runs page without a browser."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from gi_core.settings import build
from tests import pages_fakes as fakes
from tests.pages.opened import opened, text


def runs(**query) -> AppTest:
    return opened("runs", **query)


def test_an_empty_store_says_so(store):
    assert "No runs here yet" in text(runs())


def test_all_runs_with_question_result_and_disk(store):
    fakes.run(store, title="my first")
    fakes.run(store, "failed", error="the disk is full")
    page = text(runs())
    assert "my first" in page and "Astronaut · LeNet (DLG) · Levenberg-Marquardt" in page
    assert "exact" in page and "The disk is full." in page
    assert "2 runs" in page and "of disk used" in page


def test_filters(store):
    fakes.run(store, title="alpha")
    fakes.run(store, "queued", title="beta")
    app = runs()
    app.text_input(key="runs_search").set_value("alp").run()
    assert "alpha" in text(app) and "beta" not in text(app)
    app.text_input(key="runs_search").set_value("").run()
    app.get_by_key("runs_state").set_value("going on").run()
    assert "beta" in text(app) and "alpha" not in text(app)


def test_comparing_two(store):
    one = fakes.run(store)
    two = fakes.run(store, experiment=build({"attack": {"kind": "dlg"}, "size": 32}))
    app = runs()
    app.checkbox(key=f"compare_{one}").check().run()
    app.checkbox(key=f"compare_{two}").check().run()
    app.button(key="runs_compare").click().run()
    assert app.query_params["compare"] == f"{one},{two}"
    page = text(runs(compare=f"{one},{two}"))
    assert "dlg" in page and "<td>levenberg_marquardt</td>" in page and "Size" not in page


def test_a_third_choice_lets_the_first_go(store):
    ids = [fakes.run(store, seed=k) for k in range(3)]
    app = runs()
    for run in ids:
        app.checkbox(key=f"compare_{run}").check().run()
    assert app.session_state["runs.compare"] == ids[1:]
    assert not app.checkbox(key=f"compare_{ids[0]}").value


@pytest.mark.parametrize("pair", ["", "x,y", "../../etc/passwd", "0" * 12])
def test_a_bad_comparison_is_one_sentence(store, pair):
    app = runs(compare=pair)
    assert len(app.warning) == 1


def test_rename_pin_and_delete(store):
    run = fakes.run(store)
    app = runs()
    app.get_by_key(f"more_{run}").set_value("pin").run()
    assert store.job(run).pinned
    app.get_by_key(f"more_{run}").set_value("delete").run()
    assert "gone for good" in text(app), "a question comes first"
    assert store.job(run) is not None
    app.session_state["runs.asked"] = (run, "delete")  # a dialog stays open in a browser only
    app.button(key="delete_ok").click().run()
    assert store.job(run) is None


def test_age_is_in_words():
    from pages.shared.result.run_card import age

    assert [age(s) for s in (5, 200, 7300, 200_000)] == ["just now", "3 minutes ago", "2 hours ago", "2 days ago"]
