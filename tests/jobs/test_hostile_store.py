"""A store that was damaged: one sentence that names the file, or one entry that says so beside all others."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi_core.cli import main
from gi_core.jobs.dispatcher import Dispatcher
from gi_core.jobs.rows import DAMAGED
from gi_core.jobs.store import Store
from gi_core.settings import SpecError, build
from pages.shared import session
from tests.pages.opened import Still, text
from tests.pages.test_runs import runs as runs_page
from tests.runs_helpers import tiny


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def still(monkeypatch):
    """No worker is started, and nothing is kept of another test's store."""
    monkeypatch.setattr(session, "Dispatcher", Still)
    monkeypatch.setattr(Dispatcher, "start", lambda self: None)
    session.dispatcher.clear()
    session._store.clear()
    yield
    session._store.clear()
    session.dispatcher.clear()


def filled(home: Path) -> Store:
    store = Store(home)
    for seed in range(3):
        store.submit("run", tiny(seed=seed).model_dump(mode="json"), title=f"run {seed}")
    return store


def closed(store: Store) -> bytes:
    """All that the store holds, in its one file."""
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.database.close()
    return store.database.file.read_bytes()


def foreign(home: Path, content: bytes) -> None:
    home.mkdir(exist_ok=True)
    for name in ("store.sqlite-wal", "store.sqlite-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "store.sqlite").write_bytes(content)


def of_another_program(home: Path) -> bytes:
    file = home.parent / "other.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE jobs (id TEXT)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    return file.read_bytes()


DAMAGES = {
    "letters": lambda home: b"this is no database at all, " * 40,
    "a torn head": lambda home: b"\0" * 100 + closed(filled(home))[100:],
    "torn pages": lambda home: closed(filled(home))[:4096] + b"\xff" * 40960,
    "a cut": lambda home: closed(filled(home))[:6000],
    "another program's": of_another_program,
}
COMMANDS = [
    ["runs", "list"], ["runs", "list", "--json"], ["runs", "list", "--search", "x"], ["runs", "show", "0123456789ab"],
    ["runs", "export", "0123456789ab"], ["attack"], ["attack", "--resume", "0123456789ab"], ["sweep", "batch_size"],
]  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_command_names_a_damaged_store(home, capsys, kind):
    foreign(home, DAMAGES[kind](home))
    for command in COMMANDS:
        capsys.readouterr()
        assert main(command) == 2, command
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1] == f"error: store.sqlite in {home} is damaged: move it away, or set GI_HOME to another folder"
        assert sum(line.startswith("error") for line in lines) == 1


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_pages_name_a_damaged_store(home, still, monkeypatch, kind):
    monkeypatch.setattr(session, "Dispatcher", Dispatcher)
    foreign(home, DAMAGES[kind](home))
    page = runs_page()
    said = text(page) + " ".join(error.value for error in page.error)
    assert "store.sqlite in" in said and "is damaged" in said


BROKEN = {
    "spec": ["{", "[]", "3", "null", "[" * 100_000, "", b"\xff\xfe"],
    "progress": ["{", "[]", "null"],
    "result": ["{", "[]", '{"metrics": 3}', '{"metrics": [1]}'],
    "notices": ["{", "{}", "[3]", "null"],
    "state": ["", "odd"],
    "kind": ["odd"],
    "created": ["yesterday"],
    "attempts": ["many"],
}


@pytest.mark.parametrize("column", BROKEN)
def test_one_damaged_entry_is_said_and_the_others_are_shown(home, capsys, column):
    store = filled(home)
    whole, bad = (job.id for job in store.jobs()[:2])
    for value in BROKEN[column]:
        store.database.write(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, bad))
        if column == "kind":
            found = {job.id: job for job in store.jobs(kinds=None)}
        else:
            found = {job.id: job for job in store.jobs()}
        assert len(found) == 3 and found[whole].title == "run 2" and found[whole].error is None
        assert found[bad].error == DAMAGED == store.job(bad).error and found[bad].state == "failed"
        with pytest.raises(SpecError):
            build(found[bad].spec)  # it never passes for another question
        if column == "kind":
            continue
        capsys.readouterr()
        assert main(["runs", "list"]) == 0
        printed = capsys.readouterr()
        assert "run 2" in printed.out and "run 0" in printed.out and f"note: {bad}: " in printed.err
        assert main(["runs", "show", bad]) == 0 and DAMAGED in capsys.readouterr().out
        assert main(["attack", "--resume", bad]) == 2
        assert capsys.readouterr().err.startswith("error: ")
        assert main(["runs", "list", "--json"]) == 0
    store.delete(bad)
    assert len(store.jobs()) == 2


def test_a_page_lists_what_can_be_read(home, still):
    store = filled(home)
    bad = store.jobs()[0].id
    store.database.write("UPDATE jobs SET spec = '{', state = 'done' WHERE id = ?", (bad,))
    page = text(runs_page())
    assert "run 1" in page and "run 0" in page and "Damaged entry" in page and "delete it" in page


def test_points_that_cannot_be_read_leave_a_gap(home):
    store = filled(home)
    run = store.jobs()[0].id
    good = "INSERT INTO points VALUES (?, ?, 1.0, 0.1, ?, ?, 0, NULL, NULL)"
    for iteration, losses, trials in (
        (1, '{"all": 1}', "[1]"),
        (2, "{", "[1]"),
        (3, "[1]", "[1]"),
        (4, '{"all": 1}', "{"),
    ):
        store.database.write(good, (run, iteration, losses, trials))
    assert [point.iteration for point in store.curve(run)] == [1]


@pytest.mark.parametrize("at", [100, 2000, -1], ids=lambda at: f"byte {at}")
def test_a_schema_that_is_no_text_is_damage(home, capsys, at):
    content = bytearray(closed(filled(home)))
    content[at] = 0x80
    foreign(home, bytes(content))
    assert main(["runs", "list"]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=64)), min_size=1, max_size=6), st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_ends_in_a_traceback(tmp_path, monkeypatch, capsys, changes, cut):
    home = tmp_path / "any"
    monkeypatch.setenv("GI_HOME", str(home))
    foreign(home, b"")
    (home / "store.sqlite").unlink()
    content = bytearray(closed(filled(home)))
    for where, what in changes:
        at = int(where * (len(content) - len(what)))
        content[at : at + len(what)] = what
    foreign(home, bytes(content[: len(content) // 2] if cut else content))
    for command in (["runs", "list"], ["runs", "list", "--json", "--search", "run"], ["runs", "show", "0123456789ab"]):
        assert main(command) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err


def test_a_store_that_others_hold_is_said(home, capsys, monkeypatch):
    monkeypatch.setattr("gi_core.jobs.database.BUSY_SECONDS", 0.1)
    filled(home).database.close()
    other = sqlite3.connect(home / "store.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert main(["attack"]) == 2
        assert "held by another program" in capsys.readouterr().err
    finally:
        other.close()
