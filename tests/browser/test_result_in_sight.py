"""The result is where a person looks: in sight after the press, unmoved, told from another's, and left by Back."""

from __future__ import annotations

import pytest

from gi_core.settings import build
from pages.shared import link
from tests import pages_fakes as fakes
from tests.browser.conftest import PATIENCE, Server, expect
from tests.browser.test_chips import still  # noqa: F401  (still is a fixture)
from tests.browser.test_main_path import run_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ASKED = build({"samples": ["bundled/coffee"], "size": fakes.SIDE, "attack": {"kind": "levenberg_marquardt"}})
IN_SIGHT = """() => {
  const bar = document.querySelector('.st-key-stage .gi-bar')?.getBoundingClientRect();
  return !!bar && bar.height > 0 && bar.top > 0 && bar.bottom < innerHeight;
}"""
PICTURES = "() => Math.round(document.querySelector('.st-key-viewer').getBoundingClientRect().top)"


@pytest.fixture
def page(still: Server, chromium):  # noqa: F811
    """open(width, path) -> a page of a dashboard whose runs wait until the test plays the worker."""
    contexts = []

    def open_(width: int, path: str = "/?experiment=" + link.encode(ASKED)):
        context = chromium.new_context(viewport={"width": width, "height": 844})
        contexts.append(context)
        found = context.new_page()
        found.set_default_timeout(PATIENCE * 1000)
        found.goto(still.url + path)
        return found

    yield open_
    for context in contexts:
        context.close()
    for job in still.store.jobs(limit=1000):
        if not job.over:
            still.store.control(job.id, "cancel")


def press(page) -> str:
    """Ask for the run of the form; its id."""
    page.get_by_role("button", name="Run attack").click()
    page.wait_for_function("() => location.search.includes('run=')")
    page.locator(".st-key-stage .gi-state").wait_for()
    return run_of(page)


def test_a_phone_scrolls_to_the_result_with_progress_in_sight(still, page):  # noqa: F811
    phone = page(390)
    phone.locator(".gi-asked").wait_for(state="attached")
    run = press(phone)
    phone.wait_for_function(IN_SIGHT)
    phone.wait_for_timeout(3000)  # the page is drawn anew around it, and the last scroll is done by then
    assert phone.evaluate(IN_SIGHT), "what came later moved it out of sight"

    phone.get_by_role("button", name="Run attack").scroll_into_view_if_needed()
    phone.wait_for_function(f"() => !({IN_SIGHT})()")
    assert press(phone) == run, "the same question is one run"
    phone.wait_for_function(IN_SIGHT)


@pytest.mark.parametrize("width", [1400, 1024, 390])
def test_the_toolbar_never_moves_the_pictures(still, page, width):  # noqa: F811
    looked = page(width)
    run = press(looked)
    worker = fakes.play(still.store, run, "running")
    looked.locator(".gi-state.gi-running").wait_for()
    looked.locator(".st-key-viewer .reconstruction .big:not([hidden])").wait_for()
    looked.wait_for_timeout(3000)
    running = looked.evaluate(PICTURES)
    worker.finish(run, "done", fakes.result(still.store.curve(run)[-1]))
    looked.locator(".gi-state.gi-done").wait_for()
    looked.get_by_role("button", name="Cancel").wait_for(state="detached")
    looked.wait_for_timeout(1500)
    assert looked.evaluate(PICTURES) == running


def test_the_result_of_another_experiment_says_so(still, page):  # noqa: F811
    run = fakes.run(still.store, experiment=ASKED)
    looked = page(1400, f"/?run={run}")
    note = looked.locator(".gi-elsewhere")
    looked.locator(".st-key-viewer .reconstruction .big:not([hidden])").wait_for()
    assert not note.is_visible()
    looked.get_by_role("radio", name="Rocket").click()
    note.wait_for(state="visible")
    expect(note).to_contain_text("Not what the form asks now")
    expect(note).to_contain_text("coffee", ignore_case=True)
    looked.get_by_role("radio", name="Coffee").click()
    note.wait_for(state="hidden")


@pytest.mark.parametrize("state", ["done", "running"])
def test_back_leaves_the_presentation(still, page, state):  # noqa: F811
    run = fakes.run(still.store, state, experiment=ASKED)
    looked = page(1400, f"/?run={run}")
    looked.get_by_role("button", name="Present").click()
    looked.get_by_role("button", name="Leave presentation").wait_for()
    looked.wait_for_function("() => location.search.includes('present=1')")
    looked.go_back()
    looked.get_by_role("button", name="Run attack").wait_for()
    looked.get_by_role("button", name="Leave presentation").wait_for(state="detached")
    looked.wait_for_timeout(2000)  # a look that was on its way brings nothing back
    assert "present" not in looked.url and run_of(looked) == run
    assert looked.get_by_role("button", name="Leave presentation").count() == 0
