"""What a person takes away on a page: one dialog for each kind of result, whole or as an attacker sees it, and archives brought in."""

from __future__ import annotations

import pytest

from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.reports import archive_writing, pdf
from gi_core.settings import build
from gi_core.settings.sweep import build_sweep
from tests import pages_fakes as fakes
from tests.pages.opened import lab, opened, text
from tests.test_hostile_text import EVIL, raw

RUN = {
    "Report (HTML)", "Report (PDF)", "Summary (HTML)", "Summary (PDF)", "Figure (SVG)", "Figure (PDF)", "Table (LaTeX)",
    "References (BibTeX)", "Archive (ZIP)", "Picture (PNG)", "Timeline (GIF)", "Experiment and result (JSON)",
}  # fmt: skip


def offered(app) -> set[str]:
    """Labels of what can be downloaded."""
    return {element.proto.label for element in app.get("download_button")}


def take(app, key: str):
    fakes.button(app, f"take.{key}").click().run()
    assert not app.exception
    return app


def test_a_run_offers_everything(store):
    run = fakes.run(store, title="Mine")
    app = take(lab(run=run), "run")
    assert offered(app) >= RUN
    codes = [code.value for code in app.code]
    assert any(c.startswith("import gi_core as gi") for c in codes) and any(
        c.startswith("python -m gi_core attack") for c in codes
    )
    assert any(f"run={run}" in c for c in codes)


def test_a_withheld_original_is_offered_in_nothing(store):
    app = take(lab(run=fakes.run(store), view="attacker"), "run")
    assert offered(app) >= {"Report (HTML)", "Summary (PDF)", "Figure (SVG)"}
    assert not offered(app) & {"Archive (ZIP)", "Table (LaTeX)", "Numbers (npz)"} and not app.code


def test_the_dialog_stays_until_it_is_closed_or_left(store):
    app = take(lab(run=fakes.run(store)), "run")
    app.run()
    assert offered(app) >= RUN
    app.switch_page("pages/runs/page.py").run()
    assert not offered(app)
    app.switch_page("pages/lab/page.py").run()
    assert not offered(app)


def test_two_runs_compared_have_a_report(store):
    pair = ",".join([fakes.run(store), fakes.run(store, seed=1)])
    app = take(opened("runs", compare=pair), "pair")
    assert offered(app) >= {"Report (HTML)", "Figure (PDF)", "Table (LaTeX)"} and "Archive (ZIP)" not in offered(app)


def test_a_sweep_has_a_report_a_table_and_an_archive(store):
    asked = build_sweep(
        {"name": "Seeds", "base": {"size": 32}, "axes": [{"name": "seed", "path": "seed", "values": [1, 2]}]}
    )
    number = sweeps.start(store, asked)
    for entry in sweeps.members(store, number):
        fakes.play(store, entry.job.id, "done", snapshots=2)
    app = take(opened("sweeps", sweep=number), "sweep")
    assert offered(app) >= {"Report (HTML)", "Summary (PDF)", "Table (LaTeX)", "Archive (ZIP)"}


def test_words_that_are_markup_stay_words_in_the_dialog(store):
    app = take(lab(run=fakes.run(store, title=EVIL)), "run")
    assert raw(app) == [] and offered(app) >= RUN
    failed = take(lab(run=fakes.run(store, "failed", title=EVIL + "2", error=EVIL)), "run")
    assert raw(failed) == []


def test_a_network_has_a_report_of_its_rank(store):
    assert offered(take(opened("rank"), "rank")) >= {"Report (HTML)", "Report (PDF)"}


def test_a_run_that_failed_offers_what_there_is(store):
    app = take(lab(run=fakes.run(store, "failed", error="the disk is full")), "run")
    assert "Report (HTML)" in offered(app) and "Table (LaTeX)" not in offered(app)


def test_without_a_browser_a_pdf_is_not_offered_and_a_sentence_says_why(store, monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    app = take(lab(run=fakes.run(store)), "run")
    assert all(
        e.proto.disabled for e in app.get("download_button") if e.proto.label in ("Report (PDF)", "Summary (PDF)")
    )
    assert "apt install chromium" in "".join(c.value for c in app.caption)


@pytest.fixture
def packed(tmp_path) -> bytes:
    elsewhere = Store(tmp_path / "elsewhere")
    return archive_writing.archive(
        elsewhere, fakes.run(elsewhere, title="From <b>afar</b>", experiment=build({"size": 32}), snapshots=2)
    )


def bring(app, content: bytes):
    app.get("file_uploader")[0].upload("afar.zip", content, "application/zip").run()
    assert not app.exception
    return app


def test_an_archive_is_brought_in_once_and_says_where_it_is_from(store, packed):
    app = bring(opened("runs"), packed)
    assert "is here now, marked as done elsewhere" in text(app)
    run = store.jobs()[0]
    assert (
        run.origin and run.title == "From <b>afar</b>" and "done elsewhere" in text(app) and "<b>afar" not in text(app)
    )
    again = bring(opened("runs"), packed)
    assert "was here already" in text(again) and len(store.jobs()) == 1
    shown = lab(run=run.id)
    assert "of attacking · done elsewhere" in text(shown)
    assert any("brought here in an archive" in c.value for c in shown.caption)


def test_a_sweep_that_was_brought_says_so_where_it_is_shown(store, tmp_path):
    elsewhere = Store(tmp_path / "elsewhere")
    asked = build_sweep(
        {"name": "Seeds", "base": {"size": 32}, "axes": [{"name": "seed", "path": "seed", "values": [1, 2]}]}
    )
    number = sweeps.start(elsewhere, asked)
    for entry in sweeps.members(elsewhere, number):
        fakes.play(elsewhere, entry.job.id, "done", snapshots=2)
    bring(opened("runs"), archive_writing.archive(elsewhere, number))
    (here,) = store.jobs(kinds=("sweep",))
    assert "2 of 2 done · done elsewhere" in text(opened("sweeps", sweep=here.id))


def test_what_is_no_archive_is_refused_in_a_sentence(store):
    app = bring(opened("runs"), b"PK\5\6" + b"\0" * 18)
    assert "no archive of this program" in "".join(e.value for e in app.error) and store.jobs() == []
