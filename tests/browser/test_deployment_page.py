"""The check of a deployment in a browser: a job's file fills it in, it is started, cancelled, resumed, and its link shows the same."""

from __future__ import annotations

import pytest

from tests.browser.conftest import axe, expect
from tests.browser.test_every_page import ready
from tests.browser.test_main_path import until

pytestmark = pytest.mark.browser

APP = """
[tool.flwr.app.config]
model-name = "lenet"
batch-size = 1
target-epsilon = 8.0
"""
ANSWERED = "() => /network=plain.*protection=dp8/.test(location.search) && !location.search.includes('server=')"
"""What the files say is in the address, as the browser itself has it, and what the link said is not."""


@pytest.mark.slow
def test_a_check_is_filled_in_started_cancelled_resumed_and_shared(server, tab, tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text(APP)
    page = tab("/deployment?server=honest")
    page.get_by_text("Fill in from a job").click()
    page.locator("input[type=file]").set_input_files(str(file))
    page.get_by_text("3 of 8 questions answered below").wait_for()
    page.wait_for_function(ANSWERED)
    ready(page, "deployment")
    page.wait_for_timeout(500)  # what is drawn anew fades in
    assert axe(page) == []
    page.wait_for_function(ANSWERED)
    page.get_by_role("button", name="Check this deployment").click()
    page.locator(".gi-state", has_text="done").wait_for()  # progress is there before anything has come back
    page.get_by_role("button", name="Cancel").click()
    page.locator(".gi-cancelled").first.wait_for()
    (check,) = (job for job in server.store.jobs(kinds=("sweep",)) if job.title == "Check of a deployment")
    until(lambda: server.store.job(check.id).state == "cancelled", "the cancelled check")
    page.get_by_role("button", name="Resume").click()
    until(lambda: server.store.job(check.id).state == "running", "the resumed check")
    # a context of its own, as another person's browser
    other = tab(page.evaluate("location.pathname + location.search"))
    other.locator(".gi-state", has_text="done").wait_for()
    expect(other.get_by_role("button", name="Check this deployment")).to_have_count(0)
    other.get_by_role("button", name="Cancel").click()
    until(lambda: server.store.job(check.id).state == "cancelled", "the check, cancelled from the other browser")
    assert page.watch.foreign == [] and page.watch.errors == []
