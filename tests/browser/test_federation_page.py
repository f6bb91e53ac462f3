"""The federation page in a browser: rounds as they come, a round opened in the lab, and a phone."""

from __future__ import annotations

import pytest

from gi_core.settings.federation import build_federation
from tests.browser.conftest import axe, expect
from tests.browser.test_main_path import until

pytestmark = pytest.mark.browser

SMALL = build_federation({
    "clients": 3, "pictures": [20, 20, 1], "size": 12, "rounds": 3, "model": {"kind": "lenet", "activation": "tanh"},
    "attack": {"kind": "inverting_gradients", "iterations": 40, "labels": "known"},
})  # fmt: skip


@pytest.fixture(scope="module")
def job(server) -> str:
    return server.store.submit("federation", SMALL.model_dump(mode="json"), cache_key=f"federation:{SMALL.key()}")


@pytest.mark.slow
def test_from_the_rounds_to_the_lab(server, tab, shots, job):
    page = tab(f"/federation?job={job}")
    page.locator(".st-key-federation_leakage .main-svg").first.wait_for()
    until(lambda: server.store.job(job).state == "done", "the federation")
    page.get_by_text("After 3 rounds the network is right on").wait_for()
    expect(page.locator(".gi-pair")).to_have_count(3)
    expect(page.locator(".gi-pair img")).to_have_count(6)
    assert axe(page) == []
    page.screenshot(path=shots / "federation.png")
    page.locator(".st-key-open_3_2 button:visible").first.click()
    page.get_by_role("button", name="Run attack").wait_for()
    page.wait_for_url("**experiment=**")
    assert page.watch.foreign == [] and page.watch.errors == []


def test_it_fits_a_phone(tab, shots, job):
    page = tab(f"/federation?job={job}", viewport={"width": 390, "height": 844})
    page.locator(".gi-answer").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=shots / "federation_phone.png")


REPEATED = build_federation({
    "clients": 3, "pictures": [2, 1, 1], "size": 8, "rounds": 2, "attacked": [2, 3], "together": True, "record": "none",
    "model": {"kind": "lenet", "width": 1, "activation": "tanh"}, "client": {"learning_rate": 0.1},
    "attack": {"kind": "levenberg_marquardt", "iterations": 25, "restarts": 1},
})  # fmt: skip


@pytest.mark.slow
def test_a_client_is_safe_in_round_one_and_exact_in_round_two(server, tab, shots):
    number = server.store.submit("federation", REPEATED.model_dump(mode="json"))
    page = tab(f"/federation?job={number}")
    until(lambda: server.store.job(number).state == "done", "the federation")
    page.get_by_text("exact in round 2").first.wait_for()
    expect(page.locator(".st-key-federation_rounds")).to_contain_text("Client 2: safe from exact recovery in round 1")
    page.locator(".st-key-federation_exposure .main-svg").first.wait_for()
    assert page.watch.foreign == [] and page.watch.errors == []
