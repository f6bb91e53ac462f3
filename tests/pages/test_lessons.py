"""The page of lessons without a browser: from question to answer, links, one's own lesson, refusals."""

from __future__ import annotations

import pytest

from gi_core.lessons import ready, ready_path
from pages.shared.experiment import uploads
from tests import pages_fakes as fakes
from tests.pages.opened import opened, text


def lessons(**query):
    return opened("lessons", **query)


def test_every_lesson_has_a_card_and_begins_at_its_first_step(store):
    app = lessons()
    assert all(lesson.title in text(app) for lesson in ready().values())
    app.button(key="begin_gradient").click().run()
    assert app.query_params["lesson"] == "gradient" and app.query_params["step"] == "1"
    assert ready()["gradient"].steps[0].question in text(app)


def test_a_prediction_comes_before_the_run_and_stands_beside_what_was_measured(store):
    app, step = lessons(lesson="matching", step="2"), ready()["matching"].steps[1]
    assert app.button(key="lesson_run").disabled and not store.jobs(kinds=("run",))
    app.radio[0].set_value(1).run()
    app.button(key="lesson_run").click().run()
    (first,) = store.jobs(kinds=("run",))
    assert first.spec == step.asked(1).model_dump(mode="json") and app.query_params["run"] == first.id
    fakes.play(store, first.id, "done")
    app.run()
    assert "needs another run: choose ReLU" in text(app) and "Came true" not in text(app)
    control = next(one for one in app.get("button_group") if "lesson_value" in one.key)
    control.set_value(2).run()
    app.button(key="lesson_run").click().run()
    second = next(job for job in store.jobs(kinds=("run",)) if job.id != first.id)
    assert second.spec["model"]["activation"] == "relu"
    fakes.play(store, second.id, "done")
    app.run()
    # both runs of the test end at the same PSNR, so ReLU did not fail: the prediction that it does is wrong
    assert "You predicted" in text(app) and "✕ No, it fails" in text(app) and step.choices[0].text in text(app)
    assert step.slide.title in text(app)


def test_a_link_to_a_run_shows_it_and_another_run_in_the_link_is_left_alone(store):
    step = ready()["gradient"].steps[0]
    own, other = (
        fakes.run(store, experiment=e) for e in (step.experiment, step.experiment.model_copy(update={"seed": 3}))
    )
    assert "Came true" in text(lessons(lesson="gradient", step="1", run=own))
    assert "Came true" not in text(lessons(lesson="gradient", step="1", run=other))


@pytest.mark.parametrize("query", [{"lesson": "nothing"}, {"lesson": "upload:" + "0" * 64}, {"lesson": "upload:../x"}])
def test_a_lesson_that_is_not_here_is_one_sentence_over_the_list(store, query):
    app = lessons(**query)
    assert len(app.warning) == 1 and ready()["gradient"].title in text(app)


def test_ones_own_lesson_opens_by_its_link_and_its_words_are_no_markup(store):
    own = ready_path("gradient").read_text().replace('title = "One picture, one layer"', 'title = "<b>mine</b>"')
    app = lessons(lesson=uploads.keep_text(own.encode(), 65536))
    assert "&lt;b&gt;mine&lt;/b&gt;" in text(app) and "<b>mine</b>" not in text(app)


def test_steps_beyond_the_last_show_the_last(store):
    assert f"step {len(ready()['gradient'].steps)} of" in text(lessons(lesson="gradient", step="99", value="-3"))


def test_no_click_of_a_lesson_that_names_a_path_makes_a_job(store):
    slow = (
        ready_path("matching").read_text().replace('preset = "DLG"', 'preset = "DLG", samples = ["/etc/hostname"]', 1)
    )
    app = lessons(lesson=uploads.keep_text(slow.encode(), 65536))
    app.radio[0].set_value(1).run()
    for key in ("lesson_run", "slow_begin"):
        app.button(key=key).click().run()
        assert "page cannot open '/etc/hostname'" in text(app), key
    assert not store.jobs(limit=10)


def test_the_labels_that_were_read_stand_beside_the_true_ones_where_a_rule_asks_for_them(store):
    number = fakes.run(store, experiment=ready()["labels"].steps[0].experiment)
    shown = text(lessons(lesson="labels", step="1", run=number))
    assert "Read by the server" in shown and "0: astronaut" in shown
    other = fakes.run(store, experiment=ready()["gradient"].steps[0].experiment)
    assert "Read by the server" not in text(lessons(lesson="gradient", step="1", run=other))


def test_the_last_step_leads_to_the_next_lesson(store):
    app = lessons(lesson="gradient", step="2")
    app.button(key="lesson_after").click().run()
    assert app.query_params["lesson"] == "matching" and app.query_params["step"] == "1"
    assert not any(button.key == "lesson_after" for button in lessons(lesson=list(ready())[-1], step="3").button)
