"""The lessons that ship: each can be run, tells by numbers which prediction comes true, and prints."""

from __future__ import annotations

import html
import re

import pytest

from gi_core.lessons import handout, judging, read_lesson, ready, ready_lesson, ready_path
from gi_core.lessons.measures import MEASURES
from gi_core.reports.page import html_page
from gi_core.settings import SpecError
from gi_core.types.result import read

EACH = pytest.mark.parametrize("name", ready())


def result(**metrics):
    return read({"metrics": metrics, "per_image": [metrics]})


@EACH
def test_every_prediction_of_a_step_can_come_true_or_is_the_rest(name):
    for step in ready()[name].steps:
        assert all(choice.when for choice in step.choices[:-1])
        assert len({choice.text for choice in step.choices}) == len(step.choices)
        assert judging.outcome(step, {}) is None, "nothing is concluded before a run"


@EACH
def test_handout_has_the_questions_and_no_answer_and_the_notes_have_both(name):
    lesson = ready()[name]
    given, kept = (html_page(handout.of(lesson, notes)) for notes in (False, True))
    for step in lesson.steps:
        assert step.title in given and step.title in kept
    words = [choice.answer.partition("{")[0][:40] for step in lesson.steps for choice in step.choices]
    assert not any(word and word in given for word in words)
    assert kept.count("on a command line") == sum(step.values for step in lesson.steps)
    assert "<details" not in kept, "on paper nobody opens what is folded"
    formulas = [step.slide.formula for step in lesson.steps if step.slide.formula]
    questions, found, rest = given.partition("Formulas")
    assert bool(found) == bool(formulas) and not any(html.escape(one, quote=False) in questions for one in formulas)


def test_the_measured_number_decides_and_what_was_not_measured_does_not():
    step = ready()["matching"].steps[1]
    for psnr, right in ((50.0, 0), (20.0, 1)):
        found = judging.outcome(step, {1: result(psnr=50.0), 2: result(psnr=psnr)})
        assert found is not None and found.right == right
    found = judging.outcome(step, {1: result(psnr=50.0), 2: result(psnr=None)})
    assert found is not None and found.right is None and found.answer == ""
    assert judging.outcome(step, {1: result(psnr=50.0)}) is None


def test_numbers_stand_in_the_answer():
    step = ready()["gradient"].steps[1]
    found = judging.outcome(step, {1: result(psnr=30.06), 2: result(psnr=12.0)})
    assert found is not None and "30.1 dB" in found.answer and "12.0 dB" in found.answer and "{" not in found.answer


def test_every_measure_is_none_or_a_number_of_an_empty_result():
    for measure in MEASURES.values():
        assert measure.shown(measure.of(read({"metrics": {}})))


LESSON = ready_path("gradient").read_text()
EXPERIMENT = re.compile(r"^experiment = .*$", re.MULTILINE)
WRONG = (
    ("", "holds no lesson"),
    ("title = 1", "the lesson is not valid"),
    ("title = [", "is not TOML"),
    (LESSON.replace('measure = "ssim"', 'measure = "ssin"'), "no measure 'ssin': did you mean 'ssim'"),
    (LESSON.replace('attack = "analytic_linear"', 'attack = "analytic_liner"', 1), "analytic_linear"),
    (LESSON.replace("{worst_psnr:2}", "{worst_psnr:3}"), "speaks of run 3, and there are 2"),
    (LESSON.replace('preset = "DLG"', "").replace('model = "linear"', 'model = "vit"', 1), "run 1"),
    (LESSON.replace("at_least = 40", "at_most = 40"), "at_most"),
    ("x" * 70_000, "too large"),
    (LESSON + "x = " + "[" * 5000 + "]" * 5000, "nested more than"),
    (LESSON.replace("size = 32", ".".join("a" * 400) + " = 1", 1), "more than 16 parts"),
    (LESSON.encode("utf-16"), "not a text file"),
    (LESSON + "\x00", "is not TOML"),
    (LESSON.replace("minutes = 10", "minutes = " + "9" * 5000), "a number of 5000 characters"),
    (LESSON.replace("minutes = 10", "minutes = nan"), "not finite"),
    (LESSON.replace("minutes = 10", "minute = 10"), "did you mean 'minutes'"),
    (LESSON.replace("minutes = 10", 'minutes = "ten"'), "give a whole number, not 'ten'"),
    ("[[steps]]\n" * 100, "this is missing"),
    ("title = 'a'\nsentence = 'b'\nsteps = [1]", "give an object with settings, not 1"),
    (EXPERIMENT.sub("experiment = { preset = 'dlgg' }", LESSON), "did you mean 'DLG'"),
    (EXPERIMENT.sub("experiment = 'dlg'", LESSON), "give an object with settings"),
    (EXPERIMENT.sub("experiment = { size = 100000 }", LESSON), "give 512 or less"),
    (EXPERIMENT.sub("experiment = { attack = 'dlg:iterations=99999999' }", LESSON), "give 100000 or less"),
    (EXPERIMENT.sub("experiment = { weights = '/etc/hostname' }", LESSON), "unknown weights '/etc/hostname'"),
    (LESSON.replace('path = "labels"', 'path = "__class__"'), "there is no '__class__' to set"),
    (LESSON.replace("[0, 1], [0, 0]]", "[0, 1], [0, 0], [1, 1], [1, 0], [2, 2], [3, 3]]").replace('labels = ["two', '# "'), "at most 5"),
    (LESSON.replace("[[steps]]", '[[steps]]\nsee = "../../etc"', 1), "not '../../etc'"),
    (LESSON.replace("{psnr}", "{__class__}"), "no measure '__class__'"),
    (LESSON.replace("at_least = 40", "at_least = 'much'"), "give a number, not 'much'"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG, ids=range(len(WRONG)))
def test_a_broken_lesson_is_one_sentence(text, said):
    with pytest.raises(SpecError) as refused:
        read_lesson(text)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(SpecError, match="gradient"):
        ready_lesson("gradiant")
