"""The rank page in a browser: draw a network, watch the verdict change, run R-GAP, get the picture back."""

from __future__ import annotations

import pytest

from tests.browser.conftest import expect
from tests.browser.test_main_path import run_of, until

pytestmark = pytest.mark.browser


def enter(page, row: str, number: int, value: int) -> None:
    """Type into a field of a row, as a person does. The size of a picture is words (`32` or `32x48`)."""
    field = page.locator(f".st-key-{row}").locator("input[type=number], input[type=text]").nth(number)
    field.fill(str(value))
    field.press("Enter")


@pytest.mark.slow
def test_from_a_drawn_network_to_the_recovered_picture(server, tab, shots):
    page = tab("/rank")
    answer = page.locator(".gi-answer h2")
    answer.filter(has_text="Exact").wait_for()
    page.locator(".st-key-rank_chart .main-svg").first.wait_for()
    page.screenshot(path=shots / "rank.png")

    page.get_by_text("Draw your own", exact=True).click()
    enter(page, "row_1", 0, 20)
    answer.filter(has_text="Determined for optimisation").wait_for()
    page.get_by_text("280 of 3468 unknowns stay open").wait_for()
    page.locator(".card.flagged", has_text="layer2").wait_for()
    page.screenshot(path=shots / "rank_short.png")
    enter(page, "row_1", 1, 31)
    page.locator(".gi-answer .gi-problem", has_text="Layer 2").wait_for()
    enter(page, "row_1", 1, 3)
    enter(page, "row_1", 0, 36)
    answer.filter(has_text="Exact").wait_for()
    enter(page, "rank_picture", 0, 16)
    page.get_by_text("All 768 unknowns are determined").wait_for()

    page.get_by_role("button", name="Run R-GAP", exact=True).click()
    page.wait_for_function("() => location.search.includes('run=')")
    run = run_of(page)
    until(lambda: server.store.job(run).over, "a recursion")
    job = server.store.job(run)
    assert job.state == "done", job.error
    assert job.result["metrics"]["psnr"] > 60
    page.locator(".recursion[data-ended=true]").wait_for()
    expect(page.locator(".card.done .view img:visible")).to_have_count(7)
    expect(page.locator(".recursion figure:visible")).to_have_count(3)
    page.screenshot(path=shots / "rank_done.png", full_page=True)

    page.get_by_role("button", name="Play again").click()
    assert page.locator(".card.waiting").count() >= 5
    page.locator(".recursion[data-ended=true]").wait_for()
    assert page.watch.foreign == [] and page.watch.errors == []

    page.get_by_role("link", name="This run in the lab").click()
    page.locator(".st-key-lab .recursion").wait_for()
    page.get_by_role("button", name="Run attack").wait_for()
