"""Two owners of one store: every way to read or control a job is asked for the other's, and finds nothing."""

from __future__ import annotations

import inspect
import sys

import pytest

from gi_core.experiments.sweeps import ready_sweep
from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.settings import SpecError
from gi_core.settings.federation import Federation
from pages.shared import session
from tests import pages_fakes as fakes
from tests.pages.opened import lab, text

ANN, BEN = "ann@example.org", "ben@example.org"
READS = {
    "job": None, "place": 0, "curve": [], "log": [], "path": SpecError, "snapshots": [], "snapshot": None, "originals": None,
}  # fmt: skip
CONTROLS = {
    "control": ("cancel",), "rename": ("mine",), "pin": (True,), "delete": (),
}  # fmt: skip
OF_MANY = {"jobs", "mine", "submit", "disk_used", "cancel_mine", "cancel_all"}
"""Methods that take no job's id."""


@pytest.fixture
def two(gi_home):
    """(Ann's store, Ben's, ids of Ann's jobs by kind)."""
    ann, ben = Store(gi_home, viewer=ANN), Store(gi_home, viewer=BEN)
    run = fakes.run(ann, title="zanzibar run")
    waiting = fakes.run(ann, "queued", title="zanzibar waiting")
    sweep = sweeps.start(ann, ready_sweep("batch_size").model_copy(update={"name": "zanzibar sweep"}))
    federation = ann.submit("federation", Federation().model_dump(mode="json"), title="zanzibar federation")
    return ann, ben, {"run": run, "waiting": waiting, "sweep": sweep, "federation": federation}


def seen_by(monkeypatch, owner: str) -> None:
    """Every page takes this person for the one who looks."""
    for name, module in list(sys.modules.items()):
        if name.startswith("pages.") and inspect.isfunction(getattr(module, "viewer", None)):
            monkeypatch.setattr(module, "viewer", lambda: owner)


def test_every_method_of_the_store_is_asked():
    public = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert public == {*READS, *CONTROLS, *OF_MANY}


@pytest.mark.parametrize("name", READS)
def test_nothing_is_read_of_another_owners_job(two, name):
    ann, ben, hers = two
    for number in hers.values():
        more = (1,) if name == "snapshot" else ()
        if READS[name] is SpecError:
            with pytest.raises(SpecError, match="there is no run"):
                getattr(ben, name)(number, *more)
        else:
            assert getattr(ben, name)(number, *more) == READS[name]
    assert ann.job(hers["run"]) is not None and ann.curve(hers["run"]) and ann.originals(hers["run"]) is not None


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("kind", ["run", "waiting", "sweep", "federation"])
def test_nothing_is_done_to_another_owners_job(two, name, kind):
    ann, ben, hers = two
    before = ann.job(hers[kind])
    with pytest.raises(SpecError, match="there is no run"):
        getattr(ben, name)(hers[kind], *CONTROLS[name])
    for action in ("pause", "resume"):
        with pytest.raises(SpecError, match="there is no run"):
            ben.control(hers[kind], action)
    assert ann.job(hers[kind]) == before


def test_lists_cancelling_and_answers_are_of_one_owner(two):
    ann, ben, hers = two
    assert (
        ben.jobs(kinds=None) == ben.jobs(kinds=None, parent=hers["sweep"]) == ben.jobs(kinds=None, children=True) == []
    )
    assert ben.jobs(kinds=None, search="zanzibar") == []
    assert not ben.mine()
    assert ben.cancel_mine() == ben.cancel_all() == 0
    assert ann.job(hers["waiting"]).state == "queued" and ann.job(hers["federation"]).state == "queued"
    for call in (sweeps.status, sweeps.members, sweeps.utilities, sweeps.sweep_of):
        with pytest.raises(SpecError):
            call(ben, hers["sweep"])
    asked = {"samples": ["bundled/astronaut"], "size": None}
    assert ann.submit("thumbnails", asked, cache_key="one") != ben.submit("thumbnails", asked, cache_key="one")
    same = sweeps.start(ben, ready_sweep("batch_size"))
    assert {job.owner for job in ben.jobs(kinds=None, parent=same)} == {BEN}


@pytest.mark.parametrize(
    "page", ["lab", "runs", "sweeps", "wall", "frontier", "federation", "updates", "influence", "rank"]
)
def test_no_page_shows_another_owners_job(two, monkeypatch, page, store):
    ann, ben, hers = two
    seen_by(monkeypatch, BEN)
    query = {
        "run": hers["run"], "beside": hers["run"], "sweep": hers["sweep"], "job": hers["federation"],
        "compare": f"{hers['run']},{hers['waiting']}",
    }  # fmt: skip
    app = lab()
    if page != "lab":
        app.switch_page(f"pages/{page}/page.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert "zanzibar" not in text(app) + " ".join(str(button.label) for button in app.button)
    assert ann.job(hers["waiting"]).state == "queued"


def test_the_same_pages_show_it_to_its_owner(two, monkeypatch, store):
    ann, _, hers = two
    seen_by(monkeypatch, ANN)
    app = lab(run=hers["run"])
    assert "zanzibar run" in text(app)
    app.switch_page("pages/runs/page.py").run()
    assert "zanzibar run" in text(app) and "zanzibar waiting" in text(app)


class _User(dict):
    is_logged_in = True


@pytest.mark.parametrize(
    ("claims", "owner"),
    [
        ({"email": ANN, "sub": "1", "iss": "i"}, ANN),
        ({"email": ANN, "email_verified": True, "sub": "1", "iss": "i"}, ANN),
        ({"email": ANN, "email_verified": False, "sub": "1", "iss": "i"}, "1 at i"),
        ({"email": ANN, "email_verified": "false", "sub": "1", "iss": "i"}, "1 at i"),
        ({"sub": "1", "iss": "i"}, "1 at i"),
    ],
)
def test_an_owner_is_an_address_that_was_checked(monkeypatch, claims, owner):
    monkeypatch.setattr(session.st, "user", _User(claims))
    assert session.viewer() == owner
