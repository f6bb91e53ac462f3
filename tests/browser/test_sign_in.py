"""Two people sign in with a provider of identities: each finds their own runs, and nothing of the other's by any way."""

from __future__ import annotations

import json

import pytest

from gi_core.experiments.sweeps import ready_sweep
from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.settings.federation import Federation
from tests import pages_fakes as fakes
from tests.browser.conftest import free_port, served
from tests.browser.test_main_path import until

pytest.importorskip("authlib")
provider = pytest.importorskip("tests.browser.provider")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
ANN, BEN = "ann@example.org", "ben@example.org"
PEOPLE = {
    "ann": {"email": ANN, "email_verified": True},
    "ben": {"email": BEN},
    "eve": {"email": ANN, "email_verified": False},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The dashboard with sign-in."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    secrets = home / "secrets.toml"
    with provider.Provider(PEOPLE) as identities:
        secrets.write_text(
            "[auth]\n"
            + f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{"s" * 40}"\n'
            + f"client_id = {json.dumps(provider.CLIENT)}\nclient_secret = {json.dumps(provider.SECRET)}\n"
            + f'server_metadata_url = "{identities.url}/.well-known/openid-configuration"\n'
        )
        with served(home, port, f"--secrets.files={secrets}") as found:
            yield found


def signed_in(tab, who: str):
    page = tab("/")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=who).click()
    page.get_by_role("button", name="Run attack").wait_for()
    return page


def of(server, owner: str) -> dict[str, str]:
    """A run, a sweep and a federation of that owner."""
    own = Store(server.store.home, viewer=owner)
    name = owner.partition("@")[0]
    run = fakes.run(own, title=f"private run of {name}")
    sweep = sweeps.start(own, ready_sweep("batch_size").model_copy(update={"name": f"private sweep of {name}"}))
    own.control(sweep, "cancel")
    asked = Federation().model_dump(mode="json")
    federation = own.submit("federation", asked, lane="batch", title=f"private federation of {name}")
    own.control(federation, "cancel")
    return {"run": run, "sweep": sweep, "federation": federation}


def shown(page, server, path: str) -> str:
    page.goto(server.url + path)
    page.get_by_role("button", name="Sign out").wait_for()
    page.wait_for_timeout(1000)
    return page.locator("body").inner_text()


def test_each_finds_only_their_own(server, tab, shots):
    hers, his = of(server, ANN), of(server, BEN)

    page = tab(f"/?run={hers['run']}")
    page.get_by_role("button", name="Sign in").wait_for()
    page.screenshot(path=shots / "sign_in.png")
    for path in (
        "/runs",
        "/sweeps",
        f"/runs?compare={hers['run']},{his['run']}",
        f"/federation?job={hers['federation']}",
    ):
        page.goto(server.url + path)
        page.get_by_role("button", name="Sign in").wait_for()
        assert "private" not in page.locator("body").inner_text()

    for who, other, own, foreign in (("ann", "ben", hers, his), ("ben", "ann", his, hers)):
        page = signed_in(tab, who)
        listed = shown(page, server, "/runs")
        page.screenshot(path=shots / f"runs_of_{who}.png")
        assert f"private run of {who}" in listed and f"of {other}" not in listed
        assert f"Signed in as {who}@example.org" in listed
        for path in (
            f"/?run={foreign['run']}", f"/runs?compare={foreign['run']},{own['run']}", f"/sweeps?sweep={foreign['sweep']}",
            f"/federation?job={foreign['federation']}",
        ):  # fmt: skip
            assert f"of {other}" not in shown(page, server, path), path
        assert "There is no such run here" in shown(page, server, f"/?run={foreign['run']}")
        assert f"private run of {who}" in shown(page, server, f"/?run={own['run']}")
        assert f"private sweep of {who}" in shown(page, server, f"/sweeps?sweep={own['sweep']}")


def test_what_one_starts_is_theirs_and_the_other_cannot_stop_it(server, tab):
    page = signed_in(tab, "ann")
    page.get_by_role("button", name="Run attack").click()
    until(lambda: (page.wait_for_timeout(100), "run=" in page.url)[1], "the run")
    run = page.url.partition("run=")[2][:12]
    assert server.store.job(run).owner == ANN
    other = signed_in(tab, "ben")
    assert "There is no such run here" in shown(other, server, f"/?run={run}")
    assert server.store.job(run).state in ("queued", "running", "done")
    assert all(job.owner in (ANN, BEN) for job in server.store.jobs(kinds=None))


def test_an_address_that_nobody_checked_opens_nothing(server, tab):
    of(server, ANN)
    page = signed_in(tab, "eve")
    listed = shown(page, server, "/runs")
    assert "private" not in listed and "Signed in as number of eve at http://127.0.0.1" in listed


def test_whoever_signs_out_sees_nothing_more(server, tab):
    of(server, ANN)
    page = signed_in(tab, "ann")
    assert "private run of ann" in shown(page, server, "/runs")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    page.goto(server.url + "/runs")
    page.get_by_role("button", name="Sign in").wait_for()
    assert "private" not in page.locator("body").inner_text()
