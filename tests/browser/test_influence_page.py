"""The influence page in a browser: predict, add noise, look closer, and let the real attack check it."""

from __future__ import annotations

import pytest

from gi_core.settings import build
from pages.shared import link
from tests.browser.conftest import expect
from tests.browser.test_main_path import until

pytestmark = pytest.mark.browser

SMALL = build({
    "samples": [f"bundled/faces:{k}" for k in (0, 1, 100, 101)], "size": 8,
    "model": {"kind": "lenet", "init": "uniform"},
})  # fmt: skip


def seen(page) -> list[str]:
    """The simulated pictures of the ranking."""
    return page.locator(".row img.seen").evaluate_all("images => images.map(i => i.src)")


@pytest.mark.slow
def test_from_the_pictures_to_a_checked_prediction(server, tab, shots):
    page = tab(f"/influence?experiment={link.encode(SMALL)}")
    page.get_by_role("button", name="Predict what leaks").click()
    expect(page.locator(".row")).to_have_count(4)
    page.locator(".st-key-influence_spectrum .main-svg").first.wait_for()
    before, asked = seen(page), len(server.store.jobs(kinds=("influence",)))

    page.get_by_role("button", name="As good as guessing").click()
    page.wait_for_function("() => location.search.includes('noise=')")
    until(lambda: seen(page) != before, "the pictures of the new noise level")
    assert len(server.store.jobs(kinds=("influence",))) == asked, "no worker is asked for another noise level"

    page.get_by_role("radio", name="Face 1, face").click()
    page.get_by_role("button", name="Check this prediction for Face 1").click()
    until(lambda: server.store.jobs(states=("done", "failed")), "the check")
    page.locator(".st-key-influence_calibration .main-svg").first.wait_for()
    page.get_by_text("% apart").wait_for()
    page.screenshot(path=shots / "influence.png")

    address = page.url
    again = tab(address.removeprefix(server.url))
    again.locator(".row").first.wait_for()
    noise = page.locator(".st-key-noise").inner_text()
    until(lambda: again.locator(".st-key-noise").inner_text() == noise, "the noise level of the link")
    assert page.watch.foreign == [] and page.watch.errors == []


@pytest.mark.slow
def test_it_fits_a_phone(tab, shots):
    page = tab(f"/influence?experiment={link.encode(SMALL)}", viewport={"width": 390, "height": 844})
    page.locator(".row").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=shots / "influence_phone.png")
