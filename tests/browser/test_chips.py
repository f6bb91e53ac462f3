"""From chip to run, on a slow machine and a slow network: what is stored is what was on show, every time."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gi_core.jobs.store import Store
from gi_core.settings import SpecError, build
from gi_core.settings.presets import presets
from pages.shared.experiment.launch import GOING_ON
from pages.shared.experiment.press import MOVED
from tests.browser.conftest import PATIENCE, Server, Watch, condition, free_port, served
from tests.pages_fakes import writer

pytestmark = pytest.mark.browser
CYCLES, A_FEW = int(os.environ.get("GI_CHIPS", "10")), 6
"""`GI_CHIPS=200` is the whole of it: beside busy loops a cycle takes five to fifteen seconds. Ten hold each kind of cycle twice."""
PRESSES, AGAIN = 4, 30.0
"""How often, and after how many seconds, a person presses again where a click was lost on a page that was redrawn."""
BUSY_LOOPS = 4
"""Processes that take the browser's time. Chromium can slow a page by itself, but it makes up for the time on the clock, so that
a machine which stood still for a moment holds the page still three times as long.
"""
NETWORK = {"offline": False, "latency": 60, "downloadThroughput": 250_000, "uploadThroughput": 60_000}
"""Milliseconds, and bytes a second: a slow telephone network."""
ANSWER = {"risk": {"level": "partly", "sentence": "Partly exposed: a likeness.", "reasons": ["a reason"], "error": 0.1, "refined": True},
          "problems": [], "notices": [], "seconds_estimate": 1.0}  # fmt: skip


@pytest.fixture(scope="module")
def still(tmp_path_factory) -> Iterator[Server]:
    """A dashboard whose runs wait for ever, so that hundreds of them cost nothing."""
    with served(tmp_path_factory.mktemp("home"), free_port(), program="tests.browser.still") as found:
        yield found


class Answers(threading.Thread):
    """Answers previews a little later, as a worker does: the page then draws itself anew."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self.store, self.over = store, threading.Event()

    def run(self) -> None:
        out = writer(self.store)
        while not self.over.wait(0.4):
            for job in self.store.jobs(kinds=("preview",), states=("queued",)):
                out.take(job.id)
                out.finish(job.id, "done", ANSWER)


@pytest.fixture
def quick(still, chromium) -> Iterator:
    """A page whose previews are answered."""
    yield from opened(still, chromium, None, 0)


@pytest.fixture
def slow(still, chromium) -> Iterator:
    """The same by a slow network, beside busy loops."""
    yield from opened(still, chromium, NETWORK, BUSY_LOOPS)


def opened(still: Server, chromium, network: dict | None, loops: int) -> Iterator:
    """A page of the lab beside so many busy loops, its network as told."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.watch = Watch(page, still.url)
    devices = context.new_cdp_session(page)
    devices.send("Network.enable")
    answers = Answers(still.store)
    answers.start()
    page.goto(still.url)
    page.locator(".gi-asked").wait_for(state="attached")
    if network is not None:
        devices.send("Network.emulateNetworkConditions", network)
    busy = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(loops)]
    try:
        yield page
    finally:
        for loop in busy:
            loop.kill()
            loop.wait()
        answers.over.set()
        answers.join()
        context.close()


def shown(page) -> str:
    """Digest of the experiment that the form draws beside its button."""
    form = page.locator(".gi-asked")
    try:
        form.last.wait_for(state="attached")
    except Exception as error:
        raise AssertionError(f"the form is gone: {error} {condition(page)}") from error
    return form.last.get_attribute("data-asked")


def looks_like(page, experiment) -> None:
    """Wait until the form shows it, as a person does: by its widgets; then by its digest."""
    page.wait_for_function(
        "asked => [...document.querySelectorAll('.gi-asked')].some(e => e.dataset.asked === asked)",
        arg=experiment.key(),
    )


def wait(condition, seconds: float = PATIENCE):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it took too long")


def press(page, click, answered):
    """Click until something comes of it, as a person does. A slow page that is redrawn under the mouse loses a click: that is
    no mismatch, and what runs at last is compared as ever.
    """
    for _ in range(PRESSES):
        try:
            click()
        except Exception as error:
            raise AssertionError(f"nothing could be pressed: {error} {condition(page)}") from error
        until = time.monotonic() + AGAIN
        while time.monotonic() < until:
            found = answered()
            if found:
                return found
            time.sleep(0.05)
    raise AssertionError(f"nothing came of {PRESSES} clicks: {condition(page)}")


def newest(store: Store, known: set[str]):
    """The newest run, where it is none of those known."""
    return [job for job in store.jobs(kinds=("run",), limit=1) if job.id not in known]


def going(store: Store, experiment) -> list:
    """The newest run of this experiment that is going on: where there is one, a press shows it and starts no other."""
    runs = store.jobs(kinds=("run",), states=GOING_ON, limit=1000)
    return [job for job in runs if job.asked != "cancel" and build(job.spec) == experiment][:1]


def title(job) -> str:
    """Whose experiment a run is."""
    return next((p.title for p in presets() if p.experiment == build(job.spec)), f"no chip's: {job.spec}")


def cycle(page, store: Store, number: int, draw: random.Random) -> None:
    """One chip, sometimes with a field left half way before it; then the button; then what was stored."""
    chip = draw.randrange(len(presets()))
    preset = presets()[chip]
    for left in store.jobs(kinds=("run",), states=GOING_ON, limit=1000):  # by a press that came late
        store.control(left.id, "cancel")
    before = {job.id for job in store.jobs(kinds=("run",), limit=1000)}
    stood = {shown(page)} if number % 5 == 0 else set()  # a press of an impatient person may still be on its way
    if number % 3 == 1:  # typed, and left by the click on the chip: both reports are on their way at once
        fields = page.locator(".st-key-steps input[type=number]").locator("visible=true")
        if fields.count():
            fields.first.fill(str(draw.randrange(2, 9)))
    asked = preset.experiment.key()  # a click before this one may be answered first: by what was on show then
    (played,) = press(
        page,
        page.locator(f".st-key-preset_{chip} button").first.click,
        lambda: shown(page) == asked and going(store, preset.experiment),
    )
    page.wait_for_function("run => location.search.includes(run)", arg=played.id)
    for job in store.jobs(kinds=("run",), limit=1000):
        fits = job.id in before or build(job.spec).key() in {asked, *stood}
        assert fits, f"{number}: {preset.title} played {title(job)}"
    store.control(played.id, "cancel")
    wait(lambda: store.job(played.id).over)

    on_show = shown(page)
    start = page.get_by_role("button", name="Run attack")
    (run,) = press(page, start.click, lambda: newest(store, {*before, played.id}))
    assert build(run.spec).key() == on_show == preset.experiment.key(), f"{number}: {preset.title} ran {title(run)}"
    page.wait_for_function("run => location.search.includes(run)", arg=run.id)
    store.control(run.id, "cancel")


def impatient(page, store: Store, draw: random.Random) -> None:
    """A chip and at once the button: what is on show at the click runs, or nothing does and the page says so."""
    chip = draw.randrange(len(presets()))
    before = {job.id for job in store.jobs(kinds=("run",), limit=1000)}
    on_show = {shown(page), presets()[chip].experiment.key()}
    page.locator(f".st-key-preset_{chip} button").first.click(no_wait_after=True)
    page.get_by_role("button", name="Run attack").click()
    wait(lambda: newest(store, before), AGAIN)
    with contextlib.suppress(AssertionError):  # a click that was lost leaves the form as it was
        wait(lambda: shown(page) == presets()[chip].experiment.key(), AGAIN)
    new = [job for job in store.jobs(kinds=("run",), limit=1000) if job.id not in before]
    assert {build(job.spec).key() for job in new} <= on_show
    for job in new:
        store.control(job.id, "cancel")


def many(page, store: Store, count: int) -> None:
    draw, start = random.Random(12), time.monotonic()
    for number in range(count):
        cycle(page, store, number, draw)
        print(f"{number + 1} of {count}: {time.monotonic() - start:.0f} s", flush=True)
        if number % 5 == 4:
            impatient(page, store, draw)
    known = {preset.experiment.key() for preset in presets()}
    for job in store.jobs(limit=5000):
        try:
            assert build(job.spec).key() in known, "a run that is no chip's"
        except SpecError:
            raise AssertionError("a run that is no experiment") from None
    assert page.get_by_text("There is no setting").count() == 0


def test_a_few_chips_run_what_they_show(quick, still):
    many(quick, still.store, A_FEW)


@pytest.mark.slow
def test_two_hundred_chips_run_what_they_show(slow, still):
    many(slow, still.store, CYCLES)


def test_what_is_typed_and_left_by_the_press_runs(quick, still):
    page, store = quick, still.store
    before = {job.id for job in store.jobs(limit=1000)}
    page.locator(".st-key-preset_0 button").first.click()
    looks_like(page, presets()[0].experiment)
    field = page.locator("input[aria-label=Iterations]").first
    field.fill("3")
    page.get_by_role("button", name="Run attack").click()
    wait(lambda: [j for j in store.jobs(limit=1000) if j.id not in before and "3" in str(j.spec["attack"])])
    assert page.get_by_text(MOVED).count() == 0


WHOLE = """text => {
  const promise = document.querySelector('.gi-promise'), head = document.querySelector('[data-testid=stHeader]');
  const bar = document.querySelector('.st-key-stage .gi-bar')?.getBoundingClientRect(), box = promise?.getBoundingClientRect();
  return !!bar && !!box && bar.bottom < innerHeight && promise.innerText.includes(text) && box.top >= head.getBoundingClientRect().bottom && box.bottom < innerHeight;
}"""
"""Whether the run is in sight and the sentence above it, no line of it under the head of the page."""


def test_a_tap_on_a_phone_says_the_whole_sentence_and_plays(still, chromium):
    longest = max(presets(), key=lambda preset: len(preset.title + preset.sentence))
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(still.url)
        page.locator(f".st-key-preset_{presets().index(longest)} button:visible").first.tap()
        page.wait_for_function("() => location.search.includes('run=')")
        page.wait_for_function(WHOLE, arg=longest.sentence)
        page.wait_for_timeout(1500)  # it scrolls on for a moment
        assert page.evaluate(WHOLE, longest.sentence)
        (run,) = going(still.store, longest.experiment)
        still.store.control(run.id, "cancel")
    finally:
        context.close()
