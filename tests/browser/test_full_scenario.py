"""Everything a person does with a run, in a browser: slow."""

from __future__ import annotations

import io
import json
import os
import signal
import zipfile

import pytest
from PIL import Image

from gi_core.jobs.processes import Processes
from gi_core.settings import Experiment, build
from pages.shared import link
from tests.browser.conftest import axe, expect
from tests.browser.test_every_page import PAGES
from tests.browser.test_main_path import run_of, until, warm

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = build({
    "samples": ["bundled/astronaut"], "size": 16, "model": {"kind": "lenet", "init": "uniform"},
    "attack": {"kind": "inverting_gradients", "iterations": 100_000},
})  # fmt: skip
SHORT = build({"samples": ["bundled/coffee"], "size": 16, "attack": {"kind": "levenberg_marquardt"}})


def address(experiment: Experiment) -> str:
    return "/?experiment=" + link.encode(experiment)


def start(page) -> str:
    """Press the button; the run's id."""
    before = run_of(page)
    page.get_by_role("button", name="Run attack").click()
    page.wait_for_function(
        "old => location.search.includes('run=') && !(old && location.search.includes(old))", arg=before
    )
    return run_of(page)


@pytest.fixture
def finished(server, tab) -> str:
    """A run that is done."""
    page = tab(address(SHORT))
    warm(server)
    run = start(page)
    until(lambda: server.store.job(run).over, "a short run")
    assert server.store.job(run).state == "done", server.store.job(run).error
    return run


def test_pause_resume_second_tab_restart_and_cancel(server, tab, shots):
    page = tab(address(LONG))
    warm(server)
    run = start(page)
    until(lambda: server.store.job(run).progress.get("iteration"), "the first iteration")
    page.get_by_role("button", name="Pause").click()
    page.locator(".gi-state", has_text="paus").wait_for()
    page.locator(".gi-state", has_text="paused").wait_for()
    page.screenshot(path=shots / "paused.png")

    page.reload()
    page.locator(".gi-state", has_text="paused").wait_for()
    assert run_of(page) == run, "a refresh shows the same run"

    other = tab(f"/?run={run}")
    other.get_by_role("button", name="Resume").click()
    other.locator(".gi-state", has_text="running").wait_for()
    page.locator(".gi-state", has_text="running").wait_for()

    queued = tab(address(SHORT))
    second = start(queued)
    queued.locator(".gi-state", has_text="next in line").wait_for()
    queued.screenshot(path=shots / "queued.png")

    before = server.store.job(run).progress["iteration"]
    server.restart()
    again = tab(f"/?run={run}")
    again.locator(".gi-state", has_text="running").wait_for()
    until(lambda: server.store.job(run).progress["iteration"] > before, "going on through a restart")

    again.get_by_role("button", name="Cancel").click()
    again.locator(".gi-state", has_text="cancel").wait_for()
    until(lambda: server.store.job(run).state == "cancelled", "cancelling")
    until(lambda: server.store.job(second).state == "done", "the queued run")


def test_a_link_shows_but_never_starts(server, tab):
    count = len(server.store.jobs())
    page = tab(address(SHORT))
    page.get_by_role("radio", name="Coffee").wait_for()
    expect(page.get_by_role("radio", name="Coffee")).to_be_checked()
    page.wait_for_timeout(1500)
    assert len(server.store.jobs()) == count


def test_slider_timeline_and_samples_by_keyboard(tab, finished, shots):
    page = tab(f"/?run={finished}")
    divider = page.get_by_label("Divider between original and reconstruction")
    divider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuetext", "70% Original")
    assert "30%" in page.locator(".st-key-viewer .over").evaluate("e => e.style.clipPath")
    timeline = page.get_by_label("Timeline of the attack")
    last = timeline.input_value()
    timeline.focus()
    page.keyboard.press("Home")
    assert timeline.input_value() == "0" != last
    page.get_by_role("button", name="Difference").click()
    page.locator(".st-key-viewer canvas:visible").wait_for()
    page.screenshot(path=shots / "difference.png")
    page.get_by_role("radio", name="Coffee").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.search.includes('experiment=')")
    expect(page.get_by_role("radio", name="Rocket")).to_be_checked()


def test_downloads(tab, finished):
    page = tab(f"/?run={finished}")
    page.get_by_role("button", name="Take away").click()
    files = {}
    for label in ("Picture (PNG)", "Timeline (GIF)", "Numbers (npz)", "Experiment and result (JSON)"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label).click()
        files[waiting.value.suggested_filename.rpartition(".")[2]] = waiting.value.path().read_bytes()
    assert Image.open(io.BytesIO(files["png"])).format == "PNG"
    assert Image.open(io.BytesIO(files["gif"])).n_frames >= 2
    assert "images.npy" in zipfile.ZipFile(io.BytesIO(files["npz"])).namelist()
    assert json.loads(files["json"])["result"]["status"] == "done"


def test_attackers_view_and_presentation(tab, finished, shots):
    page = tab(f"/?run={finished}")
    page.locator(".st-key-viewer .original .big:visible").wait_for()
    page.get_by_text("Attacker's view", exact=True).click()
    page.get_by_text("Hidden: the server never sees this.").first.wait_for()
    page.wait_for_url("**view=attacker**")
    expect(page.locator(".st-key-stage")).not_to_contain_text("PSNR")
    page.screenshot(path=shots / "attacker.png")
    page.get_by_text("Attacker's view", exact=True).click()
    page.get_by_role("button", name="Present").click()
    page.get_by_role("button", name="Leave presentation").wait_for()
    page.screenshot(path=shots / "presentation.png")
    expect(page.get_by_role("button", name="Run attack")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Run attack").wait_for()


def test_an_upload_becomes_the_private_picture(server, tab, tmp_path):
    Image.new("RGB", (300, 200), (200, 60, 20)).save(tmp_path / "mine.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG not at all")
    page = tab("/")
    page.get_by_role("button", name="Your own").click()
    page.locator('.st-key-sample_file input[type="file"]').set_input_files(tmp_path / "bad.png")
    page.get_by_text("not a picture that can be read").wait_for()
    page.locator('.st-key-sample_file input[type="file"]').set_input_files(tmp_path / "mine.png")
    page.get_by_role("radio", name="uploaded picture").wait_for()
    page.wait_for_function("() => location.search.includes('experiment=')")
    assert list((server.store.home / "uploads").iterdir())


def test_runs_page_rename_and_delete(server, tab, finished, shots):
    page = tab("/runs")
    card = page.locator(f".st-key-card_{finished}")
    card.get_by_role("button", name="More").click()
    page.get_by_role("option", name="Rename").or_(page.get_by_role("menuitem", name="Rename")).click()
    page.get_by_role("textbox", name="Name").fill("Coffee <b>cup</b>")
    page.get_by_role("button", name="Rename").last.click()
    until(lambda: server.store.job(finished).title == "Coffee <b>cup</b>", "renaming")
    card.get_by_text("Coffee <b>cup</b>").wait_for()
    page.screenshot(path=shots / "runs.png")
    card.get_by_role("button", name="More").click()
    page.get_by_role("option", name="Delete").or_(page.get_by_role("menuitem", name="Delete")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    until(lambda: server.store.job(finished) is None, "deleting")


def views(run: str) -> list[tuple[str, str]]:
    """(name, address) of every page, and of a run in the lab."""
    return [("lab", "/"), ("run", f"/?run={run}"), *((name, "/" + name) for name in PAGES if name)]


def drawn(page) -> None:
    """Wait until nothing is faded because it is being drawn anew."""
    page.wait_for_function("() => !document.querySelector('.stMain [data-stale=true]')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_that_axe_finds(tab, finished, scheme, shots):
    for name, path in views(finished):
        page = tab(path, color_scheme=scheme, reduced_motion="reduce")
        page.locator("h1, h2").first.wait_for()
        page.wait_for_timeout(2500)
        drawn(page)
        page.screenshot(path=shots / f"{name}_{scheme}.png")
        assert axe(page) == []
        assert page.watch.foreign == [] and page.watch.errors == []
        page.context.close()


def test_a_phone_shows_a_run_without_sideways_scrolling(tab, finished, shots):
    page = tab(f"/?run={finished}", viewport={"width": 390, "height": 844})
    page.locator(".gi-state").first.wait_for()
    drawn(page)
    page.screenshot(path=shots / "run_phone.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('.stMain').scrollWidth <= innerWidth")


def test_the_first_address_after_a_start_may_be_any_page(server, tab):
    server.restart()
    page = tab("/runs")
    page.get_by_role("link", name="Lab").wait_for()
    expect(page.locator("[data-testid=stSidebarNav]:visible")).to_have_count(0)


def test_a_worker_killed_early_is_told_and_its_run_goes_on(server, tab):
    page = tab(address(LONG))
    warm(server)
    run = start(page)
    until(lambda: server.store.job(run).progress.get("iteration"), "the first iteration")
    page.locator(".gi-state", has_text="running").wait_for()
    (worker,) = [w for w in Processes(server.store.database).all("worker", "interactive") if w.alive]
    os.kill(worker.pid, signal.SIGKILL)
    page.locator(".gi-state", has_text="worker died").wait_for()
    page.locator(".gi-state", has_text="running").wait_for()
    page.get_by_role("button", name="Cancel").click()
    until(lambda: server.store.job(run).over, "cancelling")
