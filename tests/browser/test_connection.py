"""A page that is answered late keeps its connection."""

from __future__ import annotations

import pytest

from tests.browser.conftest import PATIENCE, free_port, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Late:
    """Holds back what the server says until it is told to let go."""

    def __init__(self, page) -> None:
        self.holding, self.held = False, []
        page.route_web_socket("**/_stcore/stream", self._between)

    def _between(self, browser) -> None:
        browser.connect_to_server().on_message(
            lambda message: self.held.append(message) if self.holding else browser.send(message)
        )
        self.browser = browser

    def quiet(self, page) -> None:
        """Wait until the server has said all that it has to say."""
        said = -1
        while said != len(self.held):
            said = len(self.held)
            page.wait_for_timeout(1500)

    def let_go(self) -> None:
        self.holding = False
        for message in self.held:
            self.browser.send(message)


def test_what_is_shown_again_is_there_however_late_the_answers_come(chromium, tmp_path):
    """By its own settings Streamlit's page forgets a large element after two runs without it, while the server, asked before the
    second one was over, still counts on it: the connection then ends for good. See `.streamlit/config.toml`.
    """
    with served(tmp_path, free_port(), script="tests/browser/remembered.py") as server:
        page = chromium.new_context().new_page()
        page.set_default_timeout(PATIENCE * 1000)
        late = Late(page)
        page.goto(server.url)
        small, large = (page.get_by_role("button", name=name) for name in ("small", "large"))
        large.click()
        page.locator(".large").wait_for()
        small.click()
        page.locator(".large").wait_for(state="detached")
        late.holding = True
        small.click()
        late.quiet(page)
        large.click()
        late.quiet(page)
        late.let_go()
        page.locator(".large").wait_for()
        assert page.locator("[data-testid=stApp]").first.get_attribute("data-test-connection-state") == "CONNECTED"


def _garbled(page, late: Late) -> None:
    """Its connection ends for good."""
    late.browser.send(b"no message of Streamlit's")


def _emptied(page, late: Late) -> None:
    """The application is gone from the page, as after a fault while it is drawn."""
    page.evaluate("document.getElementById('root').replaceChildren()")


@pytest.mark.parametrize("end", [_garbled, _emptied])
def test_a_page_that_answers_to_nothing_any_more_loads_itself_anew(chromium, server, end):
    page = chromium.new_context().new_page()
    page.set_default_timeout(PATIENCE * 1000)
    late = Late(page)
    page.goto(server.url + "/runs")
    page.locator("h1.gi-title").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.evaluate("window.before = true")
    end(page, late)
    page.wait_for_function("() => window.before === undefined")
    page.locator("h1.gi-title").wait_for()
    assert page.locator("[data-testid=stApp]").first.get_attribute("data-test-connection-state") == "CONNECTED"
    assert page.url.endswith("/runs")
