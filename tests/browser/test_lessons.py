"""Lessons in a browser: a prediction, a real run, what came true; Back; and a projector."""

from __future__ import annotations

import pytest

from gi_core.lessons import ready_path
from tests.browser.conftest import axe

pytestmark = pytest.mark.browser

ENDED = """() => document.querySelector('.st-key-lesson_watch .gi-verdict')
  && !document.querySelector('.gi-state, [class*="st-key-pause"], [class*="st-key-cancel"]')"""


def predict(page, choice: int) -> None:
    page.locator(".stRadio label:has(input)").nth(choice).click()
    page.wait_for_function("() => !document.querySelector('.st-key-lesson_run button').disabled")


def play(page) -> None:
    page.locator(".st-key-lesson_run button").click()
    page.locator(".st-key-lesson_watch .gi-verdict").wait_for()
    page.wait_for_function(ENDED)


def test_a_lesson_from_the_list_to_what_came_true_and_back(server, tab):
    page = tab("/lessons")
    page.locator(".st-key-begin_gradient button").click()
    page.wait_for_url("**/lessons?*lesson=gradient*")
    predict(page, 0)
    play(page)
    page.locator(".gi-outcome").wait_for()
    told = page.locator(".gi-outcome").inner_text()
    assert "The picture, pixel for pixel" in told and "✕" in told
    assert axe(page) == []
    page.get_by_role("button", name="Next step").click()
    page.get_by_text("step 2 of 2").wait_for()
    page.go_back()
    page.get_by_text("step 1 of 2").wait_for()
    assert page.watch.errors == [] and page.watch.foreign == []


def test_ones_own_lesson_is_taken_and_a_broken_one_gets_a_sentence(server, tab):
    page = tab("/lessons", viewport={"width": 390, "height": 900})
    page.locator(".st-key-own_lesson").wait_for()
    upload = page.locator(".st-key-own_lesson input[type=file]")
    upload.set_input_files({"name": "a.toml", "mimeType": "application/toml", "buffer": b"title = 1"})
    page.locator(".gi-problem").wait_for()
    assert page.locator(".gi-problem").inner_text().startswith("The lesson is not valid")
    own = ready_path("gradient").read_text().replace("A gradient is the data", "Mine", 1)
    upload.set_input_files({"name": "b.toml", "mimeType": "application/toml", "buffer": own.encode()})
    page.get_by_text("Mine · step 1 of 2").wait_for()
    page.reload()
    page.get_by_text("Mine · step 1 of 2").wait_for()


def test_a_projector_shows_names_and_large_letters(server, tab):
    page = tab("/lessons?lesson=gradient&step=1&present=1", viewport={"width": 1920, "height": 1080})
    named = page.locator(".gi-named")
    named.wait_for()
    assert "Linear model" in named.inner_text() and "Analytic" in named.inner_text()
    assert named.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 24
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Present").wait_for()
