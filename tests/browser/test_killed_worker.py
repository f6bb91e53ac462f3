"""A worker killed in the middle of a run: the page says so, and the run goes on."""

from __future__ import annotations

import os
import signal

import pytest

from gi_core.jobs.processes import Processes
from tests.browser.test_full_scenario import LONG, address, start
from tests.browser.test_main_path import until, warm

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_page_says_that_a_worker_was_killed_and_the_run_goes_on(server, tab):
    page = tab(address(LONG))
    warm(server)
    run = start(page)
    until(lambda: (server.store.path(run) / "checkpoint.pt").exists(), "the first checkpoint")
    reached = server.store.job(run).progress["iteration"]
    held = Processes(server.store.database).all("worker", "interactive")[0]
    os.kill(held.pid, signal.SIGKILL)
    page.locator(".gi-state", has_text="worker died").wait_for()
    until(lambda: server.store.job(run).progress.get("iteration", 0) > reached, "going on from the checkpoint")
    assert server.store.job(run).state == "running" and server.store.job(run).interrupted
    server.store.control(run, "cancel")
