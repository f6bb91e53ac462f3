"""The page of sweeps in a browser: made by the form, run by real workers, answered, saved; and a phone."""

from __future__ import annotations

import pytest

from gi_core.jobs import sweeps
from gi_core.settings.sweep import build_sweep
from tests.browser.conftest import axe, expect
from tests.browser.test_every_page import ready
from tests.browser.test_main_path import until

pytestmark = pytest.mark.browser

SMALL = build_sweep({
    "name": "Widths", "question": "Does width matter?",
    "base": {"samples": ["bundled/coffee"], "size": 12, "attack": {"kind": "inverting_gradients", "iterations": 30}},
    "axes": [
        {"name": "width", "path": "model.width", "values": [2, 4, 8]}, {"name": "seed", "path": "seed", "values": [0, 1, 2]},
    ],
})  # fmt: skip


@pytest.fixture(scope="module")
def number(server) -> str:
    return sweeps.start(server.store, SMALL)


def test_from_queued_to_an_answer(server, tab, shots, number):
    page = tab(f"/sweeps?sweep={number}")
    page.locator(".gi-state", has_text="of 9 done").wait_for()
    until(lambda: sweeps.status(server.store, number).state == "done", "the sweep")
    page.get_by_text("as width goes from 2 to 8").or_(page.get_by_text("No trend over width")).first.wait_for()
    page.locator(".st-key-sweep_chart .main-svg").first.wait_for()
    expect(page.locator(".gi-sweep-table tbody tr")).to_have_count(9)
    assert axe(page) == []
    page.screenshot(path=shots / "sweep.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    text = download.value.path().read_text()
    assert download.value.suggested_filename == "widths.csv" and text.startswith("position,width,seed (axis),")
    page.locator(".gi-sweep-table a").first.click()
    page.get_by_role("button", name="Run attack").wait_for()
    assert "run=" in page.url and page.watch.foreign == [] and page.watch.errors == []


def test_a_sweep_made_by_the_form(server, tab, shots, number):
    page = tab("/sweeps")
    ready(page, "sweeps")
    page.locator(".st-key-axis_0").scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # a list that opens while the page still scrolls closes at once
    page.locator(".st-key-axis_0 input").click()
    page.get_by_role("option", name="Seed", exact=True).click()
    page.get_by_role("textbox", name="Values").fill("1-3")
    page.get_by_role("textbox", name="Values").press("Enter")
    page.get_by_text("3 experiments").wait_for()
    assert axe(page) == []
    page.screenshot(path=shots / "sweeps.png", full_page=True)
    page.get_by_role("button", name="Run the sweep").click()
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_text("cancelled").first.wait_for()
    made = [job for job in server.store.jobs(kinds=("sweep",)) if job.id != number]
    assert [job.title for job in made] == ["My sweep"]


@pytest.mark.slow
def test_it_fits_a_phone(tab, shots, number):
    for path, name in (("/sweeps", "sweeps_phone"), (f"/sweeps?sweep={number}", "sweep_phone")):
        page = tab(path, viewport={"width": 390, "height": 844})
        page.locator(".gi-state").first.wait_for()
        page.wait_for_timeout(1000)
        assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 390
        page.screenshot(path=shots / f"{name}.png")


def test_a_sweep_is_opened_from_the_list_and_the_form_is_as_it_was_after_it(tab, number):
    page = tab("/sweeps")
    name = page.get_by_role("textbox", name="Name")
    ready(page, "sweeps")
    name.fill("Kept")
    name.press("Enter")
    page.locator(f".st-key-show_{number} button").click()
    page.get_by_role("button", name="All sweeps").click()
    name.wait_for()
    page.wait_for_function("name => name.value === 'Kept'", arg=name.element_handle())


@pytest.mark.slow
def test_the_examples_of_the_empty_frontier_and_wall_can_be_read_by_all(tab, shots):
    for path, found in (("/frontier", ".gi-frontier-table"), ("/wall", ".gi-wall")):
        page = tab(path)
        page.locator(f".gi-question, {found}").last.wait_for()
        page.wait_for_timeout(1500)
        assert axe(page) == []
        page.screenshot(path=shots / f"example{path.replace('/', '_')}.png", full_page=True)
        assert page.watch.foreign == [] and page.watch.errors == []
