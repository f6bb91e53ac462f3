"""Lessons in a browser: a prediction, a real run, what came true; Back; a projector; and every lesson to its end."""

from __future__ import annotations

import re

import pytest

from gi_core.lessons import ready, ready_path
from gi_core.lessons.lesson import Step
from tests.browser.conftest import axe, expect

pytestmark = pytest.mark.browser

ENDED = """() => document.querySelector('.st-key-lesson_watch .gi-verdict')
  && !document.querySelector('.gi-state, [class*="st-key-pause"], [class*="st-key-cancel"]')"""

SIZE = "e => parseFloat(getComputedStyle(e).fontSize)"
SMALLEST = f"all => Math.min(...all.filter(e => e.innerText).map({SIZE}))"
"""Letters in CSS pixels."""
SAMPLES = re.compile(r"samples = \[[^]]*\]")
WIDGETS = (
    ".stButtonGroup, .stSlider, .stSelectbox, .stNumberInput, .stTextInput, .stMultiSelect, .stToggle, .stCheckbox"
)
"""What a person may set; predictions are a radio."""


def predict(page, choice: int) -> None:
    page.locator(".stRadio label:has(input)").nth(choice).click()
    page.wait_for_function("() => !document.querySelector('.st-key-lesson_run button').disabled")


def play(page, step: Step) -> None:
    """Every value of the control, one run after the other."""
    for value in range(1, step.values + 1):
        if step.values > 1:
            page.locator(".stButtonGroup button").nth(value - 1).click()
            page.locator(".st-key-lesson_run button", has_text=f"Run: {step.label(value)}").wait_for()
        page.locator(".st-key-lesson_run button").click()
        page.wait_for_function("() => location.search.includes('run=')")
        page.locator(".st-key-lesson_watch .gi-verdict").wait_for()
        page.wait_for_function(ENDED)


def test_a_lesson_from_the_list_to_what_came_true_and_back(server, tab):
    page = tab("/lessons")
    page.locator(".st-key-begin_gradient button").click()
    page.wait_for_url("**/lessons?*lesson=gradient*")
    predict(page, 0)
    play(page, ready()["gradient"].steps[0])
    page.locator(".gi-outcome").wait_for()
    told = page.locator(".gi-outcome").inner_text()
    assert "The picture, pixel for pixel" in told and "✕" in told
    assert axe(page) == []
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.get_by_role("button", name="Present").click()
    strip = page.locator(".recursion.large .card")
    strip.wait_for()
    assert strip.locator("css=*").evaluate_all(SMALLEST) >= 24 <= page.locator(".gi-asks").evaluate(SIZE)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Present").wait_for()
    # the presentation's button stays beside the page's own until the page is drawn, and both are one widget
    page.get_by_role("button", name="Next step").last.click()
    page.get_by_text("step 2 of 2").wait_for()
    page.go_back()
    page.get_by_text("step 1 of 2").wait_for()
    assert page.watch.errors == [] and page.watch.foreign == []


def test_ones_own_lesson_is_taken_and_a_broken_one_gets_a_sentence(server, tab):
    page = tab("/lessons", viewport={"width": 390, "height": 900})
    page.locator(".st-key-own_lesson").wait_for()
    upload = page.locator(".st-key-own_lesson input[type=file]")
    upload.set_input_files({"name": "a.toml", "mimeType": "application/toml", "buffer": b"title = 1"})
    expect(page.locator(".gi-problem")).to_have_text(re.compile("^The lesson is not valid"))
    path = SAMPLES.sub('samples = ["/etc/hostname"]', ready_path("gradient").read_text(), count=1)
    upload.set_input_files({"name": "p.toml", "mimeType": "application/toml", "buffer": path.encode()})
    page.get_by_text("step 1 of the lesson: a page cannot open '/etc/hostname'").wait_for()
    own = ready_path("gradient").read_text().replace("A gradient is the data", "Mine", 1)
    upload.set_input_files({"name": "b.toml", "mimeType": "application/toml", "buffer": own.encode()})
    page.get_by_text("Mine · step 1 of 2").wait_for()
    page.reload()
    page.get_by_text("Mine · step 1 of 2").wait_for()
    assert axe(page) == []


def test_a_projector_shows_names_and_large_letters(server, tab):
    page = tab("/lessons?lesson=gradient&step=1&present=1", viewport={"width": 1920, "height": 1080})
    named = page.locator(".gi-named")
    expect(named).to_contain_text("Linear model")
    expect(named).to_contain_text("Analytic")
    assert named.evaluate(SIZE) >= 24
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Present").wait_for()


@pytest.mark.slow
def test_every_lesson_runs_to_its_end_and_shows_the_one_control_that_matters(server, tab):
    page = tab("/lessons")
    for name, lesson in ready().items():
        for number, step in enumerate(lesson.steps, 1):
            page.emulate_media(color_scheme="dark" if number % 2 else "light")
            page.goto(f"{server.url}/lessons?lesson={name}&step={number}")
            predict(page, 0)
            expect(page.locator(".st-key-lesson").locator(WIDGETS), f"{name} {number}").to_have_count(
                int(step.control is not None)
            )
            play(page, step)
            page.locator(".gi-outcome").wait_for()
            told = page.locator(".gi-outcome").inner_text()
            assert "none of the predictions" not in told, (name, number, told)
            expect(page.locator(".gi-answer"), f"{name} {number}: {told}").to_have_count(1)
            if step.slow:
                in_slow_motion(page)
            if number == 1:
                page.wait_for_timeout(1000)  # what was drawn before fades for a moment
                assert axe(page) == [], (name, number)
            assert page.watch.errors == [] and page.watch.foreign == []


def in_slow_motion(page) -> None:
    """One iteration a click, each with the equation and its numbers."""
    page.locator(".st-key-slow_begin button").click()
    for clicks in (1, 2):
        page.locator(".st-key-slow_next button").click()
        page.get_by_text(f"iteration {clicks} of").wait_for()
    expect(page.locator(".st-key-slow_view tbody tr")).to_have_count(2)
    expect(page.locator(".st-key-slow_view .gi-formula").last).to_contain_text("D(x) =")
