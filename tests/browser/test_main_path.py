"""The main job in a browser: choose the astronaut, press the button, watch it come back."""

from __future__ import annotations

import re
import time

import pytest

from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser
RECOGNISABLE_PSNR = 18.0


def warm(server) -> None:
    """Wait until the interactive worker has answered a preview."""
    until(lambda: server.store.jobs(kinds=("preview",), states=("done",), limit=1), "a preview")


def run_of(page) -> str:
    """The run in the page's address."""
    found = re.search(r"[?&]run=([0-9a-f]{12})", page.url)
    return found[1] if found else ""


def until(condition, what: str) -> float:
    """Seconds until the condition holds."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if condition():
            return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError(f"{what} took more than {PATIENCE:.0f} s")


def test_from_click_to_live_reconstruction(server, tab, shots):
    page = tab("/")
    example = page.locator(".st-key-viewer_example .reconstruction .big")
    example.wait_for()
    page.screenshot(path=shots / "first_view.png")
    warm(server)

    page.get_by_role("radio", name="Cat").click()
    page.get_by_role("radio", name="Astronaut").click()
    page.get_by_text(re.compile("^About ")).wait_for()
    button = page.get_by_role("button", name="Run attack")
    clicked = time.monotonic()
    for _ in range(
        8
    ):  # a click on a form that is being drawn anew is refused, and the page says so: a person clicks again
        button.click()
        for _ in range(40):
            if run_of(page):
                break
            page.wait_for_timeout(100)
        if run_of(page):
            break
    page.locator(".st-key-viewer .reconstruction .big:not([hidden])").wait_for()
    first = time.monotonic() - clicked
    page.screenshot(path=shots / "first_frame.png")

    run = run_of(page)
    assert server.store.job(run).spec["samples"] == ["bundled/astronaut"]

    def psnr() -> float:
        return max((p.psnr for p in server.store.curve(run) if p.psnr is not None), default=0.0)

    until(lambda: psnr() > RECOGNISABLE_PSNR, "a recognisable astronaut")
    until(lambda: server.store.job(run).over or time.monotonic() - clicked > 45, "the end")
    if not server.store.job(run).over:
        page.get_by_role("button", name="Cancel").click()
    page.locator(".gi-state.gi-done, .gi-state.gi-cancelled").wait_for()
    page.locator(".st-key-charts .main-svg").first.wait_for()
    page.screenshot(path=shots / "done.png", full_page=True)
    print(f"first frame {first:.2f} s, PSNR {psnr():.1f} dB")
    assert page.watch.foreign == [] and page.watch.errors == []
