"""The headers of every answer, and pages that work under them."""

from __future__ import annotations

import urllib.request

import pytest

from pages.shared.policy import HEADERS
from tests.browser.test_main_path import until, warm

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PAGES = ("/", "/runs", "/rank", "/influence", "/federation", "/updates", "/frontier", "/wall", "/sweeps", "/lessons")
QUIET = "() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
"""The script of the page has drawn everything."""


def test_every_answer_carries_the_policy(server):
    for path in ("/", "/runs", "/_stcore/health", "/static/nothing.js", "/media/nothing"):
        try:
            headers = urllib.request.urlopen(server.url + path).headers
        except urllib.error.HTTPError as error:
            headers = error.headers
        for name, value in HEADERS.items():
            assert headers.get_all(name) == [value], (path, name)


def test_no_page_is_broken_by_the_policy(server, tab, shots):
    page = tab("/")
    page.locator(".st-key-viewer_example .reconstruction .big").wait_for()
    refused: list[str] = []
    page.on("console", lambda m: refused.append(m.text) if "Content Security Policy" in m.text else None)
    page.on("console", lambda m: refused.append(m.text) if "Component Error" in m.text else None)
    page.on("pageerror", lambda e: refused.append(str(e)))
    warm(server)
    for path in PAGES:
        page.goto(server.url + path)
        page.locator("h1, h2").first.wait_for()
        page.wait_for_function(QUIET)
        page.wait_for_timeout(1000)
        page.screenshot(path=shots / f"policy{path.replace('/', '_')}.png")
    page.goto(server.url + "/?experiment=" + '{"attack":{"kind":"levenberg_marquardt"},"size":16}')
    page.get_by_role("button", name="Run attack").click()
    page.locator(".st-key-viewer .reconstruction .big:not([hidden])").wait_for()
    until(lambda: server.store.jobs(states=("done",), limit=1), "the run")
    page.locator(".js-plotly-plot, .gi-cards").first.wait_for()
    page.wait_for_timeout(3000)
    page.screenshot(path=shots / "policy_done.png")
    assert refused == []


def test_no_other_page_may_frame_it(server, tab):
    page = tab("/_stcore/health")
    page.route(
        "**/outside",
        lambda route: route.fulfill(body=f'<iframe src="{server.url}/"></iframe>', content_type="text/html"),
    )
    page.goto("http://other.example/outside")
    until(lambda: (page.wait_for_timeout(100), page.frames[-1].url.startswith("chrome-error:"))[1], "the refusal")
