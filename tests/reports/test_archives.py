"""An archive opens in another home as what it was; what was made to harm, or was changed, is refused with one sentence."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gi_core.cli import main
from gi_core.jobs import sweeps
from gi_core.jobs.adoption import NOTICE
from gi_core.jobs.store import Store
from gi_core.reports import archive_contents, archive_opening, archive_vetting, archive_writing
from gi_core.settings import SpecError
from gi_core.settings.sweep import build_sweep
from tests import pages_fakes as fakes

JOB = "runs/0001/job.json"


@pytest.fixture
def store(gi_home) -> Store:
    return Store(gi_home)


@pytest.fixture
def other(tmp_path) -> Store:
    return Store(tmp_path / "elsewhere")


@pytest.fixture
def packed(store, tmp_path) -> Path:
    path = tmp_path / "run.zip"
    path.write_bytes(archive_writing.archive(store, fakes.run(store, title="Mine", snapshots=4)))
    return path


def test_a_run_comes_back_as_it_was(store, other, packed):
    run = store.jobs()[0].id
    opened = archive_opening.open_archive(other, packed)
    assert opened.new and opened.kind == "run" and opened.id != run
    here, there = store.job(run), other.job(opened.id)
    assert (there.title, there.state, there.spec, there.created) == (here.title, here.state, here.spec, here.created)
    assert there.metrics == here.metrics and there.result["run_id"] == opened.id
    assert there.result["out"] == str(other.path(opened.id)) and there.origin and NOTICE in there.notices
    assert [p.iteration for p in other.curve(opened.id)] == [p.iteration for p in store.curve(run)]
    assert other.curve(opened.id)[-1].losses == store.curve(run)[-1].losses
    assert (other.originals(opened.id) == store.originals(run)).all()
    for at in store.snapshots(run):
        assert (other.snapshot(opened.id, at) == store.snapshot(run, at)).all()
    assert list(other.home.glob(".adopting*")) == []


def test_the_same_is_recognised_wherever_it_was_packed(store, other, packed, tmp_path):
    first = archive_opening.open_archive(other, packed)
    again = archive_opening.open_archive(other, packed)
    assert (again.id, again.new) == (first.id, False) and len(other.jobs()) == 1
    assert archive_opening.open_archive(store, packed).id == store.jobs()[0].id  # where it was made
    back = tmp_path / "back.zip"
    back.write_bytes(archive_writing.archive(other, first.id))
    assert not archive_opening.open_archive(other, back).new
    third = Store(tmp_path / "third")
    archive_opening.open_archive(third, back)
    assert not archive_opening.open_archive(third, packed).new


def test_what_was_done_elsewhere_answers_no_question_here(other, packed):
    opened = archive_opening.open_archive(other, packed)
    assert other.job(opened.id).cache_key is None
    assert other.submit("run", other.job(opened.id).spec) != opened.id


def test_a_sweep_comes_back_with_its_runs(store, other, tmp_path):
    asked = build_sweep(
        {"name": "Seeds", "base": {"size": 32}, "axes": [{"name": "seed", "path": "seed", "values": [1, 2]}]}
    )
    number = sweeps.start(store, asked)
    for entry in sweeps.members(store, number):
        fakes.play(store, entry.job.id, "done", snapshots=2, seed=entry.position)
    path = tmp_path / "sweep.zip"
    path.write_bytes(archive_writing.archive(store, number))
    opened = archive_opening.open_archive(other, path)
    assert opened.kind == "sweep" and sweeps.sweep_of(other, opened.id) == asked
    assert other.job(opened.id).state == "done" and sweeps.status(other, opened.id).total == 2
    for mine, theirs in zip(sweeps.members(store, number), sweeps.members(other, opened.id), strict=True):
        assert (mine.point, mine.job.metrics, mine.job.spec) == (theirs.point, theirs.job.metrics, theirs.job.spec)
    assert not archive_opening.open_archive(other, path).new
    other.delete(opened.id)
    assert other.jobs(kinds=None, children=True) == [] and list(other.runs.iterdir()) == []


def test_what_is_unfinished_or_of_another_kind_is_not_archived(store):
    running = fakes.run(store, "running")
    with pytest.raises(SpecError, match="wait until it has ended"):
        archive_writing.archive(store, running)
    with pytest.raises(SpecError, match="neither"):
        archive_writing.archive(store, "0" * 12)


def test_the_command_line_writes_and_opens_it(store, tmp_path, monkeypatch, capsys):
    run = fakes.run(store, snapshots=2)
    out = tmp_path / "a.zip"
    assert main(["runs", "archive", run, "--out", str(out)]) == 0
    monkeypatch.setenv("GI_HOME", str(tmp_path / "third"))
    for new in (True, False):
        assert main(["runs", "import", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["new"] is new
    assert main(["runs", "import", str(tmp_path / "none.zip")]) == 2


def changed(path: Path, change, resign: bool = True) -> Path:
    """The archive with other contents. change: of {name: bytes}, in place; resign: with a manifest that lists them."""
    with zipfile.ZipFile(path) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    change(contents)
    if resign and "manifest.json" in contents:
        manifest = json.loads(contents["manifest.json"])
        manifest["files"] = {n: hashlib.sha256(c).hexdigest() for n, c in contents.items() if n != "manifest.json"}
        contents["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return path


def of_json(name: str, **values):
    """Sets values of a JSON file, by their dotted paths."""

    def change(contents):
        document = json.loads(contents[name])
        for path, value in values.items():
            *parents, last = path.split("__")
            here = document
            for parent in parents:
                here = here[int(parent) if parent.isdigit() else parent]
            here[last] = value
        contents[name] = json.dumps(document).encode()

    return change


def array(name: str, value: np.ndarray, pickled: bool = False):
    def change(contents):
        file = io.BytesIO()
        np.save(file, value, allow_pickle=pickled)
        contents[f"runs/0001/{name}"] = file.getvalue()

    return change


def content(name: str, value: bytes):
    return lambda contents: contents.__setitem__(name, value)


HUGE = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 3, 32, 32), }".ljust(117)
    + b"\n"
)
HOSTILE = {
    "a file outside": content("../../evil", b"x"),
    "an absolute file": content("/etc/passwd", b"x"),
    "a file of another kind": content("runs/0001/checkpoint.pt", b"x"),
    "a pickle": array("images.npy", np.array([{"a": 1}], object), pickled=True),
    "a promise of terabytes": content("runs/0001/images.npy", HUGE),
    "values that are no pixels": array("images.npy", np.full((1, 3, 32, 32), np.nan, np.float32)),
    "pixels beyond one": array("images.npy", np.full((1, 3, 32, 32), 1e30, np.float32)),
    "pictures that do not agree": array("shown.npy", np.zeros((1, 8, 8, 3), np.uint8)),
    "doubles": array("images.npy", np.zeros((1, 3, 32, 32))),
    "too many trials": array("snapshots/00000001.npy", np.zeros((65, 1, 32, 32, 3), np.uint8)),
    "no picture": content("runs/0001/previews/x.png", b"GIF89a"),
    "no JSON": content(JOB, b"{"),
    "deep JSON": content(JOB, b"[" * 5000),
    "a huge number": content(JOB, b'{"created": ' + b"9" * 400 + b"}"),
    "a negative time": of_json(JOB, created=-1),
    "another kind of job": of_json(JOB, kind="preview"),
    "a job that runs": of_json(JOB, state="running"),
    "an impossible question": of_json(JOB, spec__seed=-3),
    "a field that nobody knows": of_json(JOB, evil=1),
    "metrics that are words": of_json(JOB, result__metrics__psnr="<b>"),
    "metrics that are lists": of_json(JOB, result__per_image__0__ssim=[1]),
    "a verdict that is a number": of_json(JOB, result__verdict=3),
    "labels that are no list": of_json(JOB, result__labels="x"),
    "a trial that none has": of_json(JOB, result__trials__0__trial=-7),
    "a plan that is none": of_json(JOB, result__plan={"chunk": 10**12}),
    "a best trial that none has": of_json(JOB, progress__best=-1),
    "more runs than there are": of_json("manifest.json", runs=3),
    "a newer edition": of_json("manifest.json", version=99),
    "another format": of_json("manifest.json", format="x"),
    "an id that is a path": of_json("manifest.json", id="../../x"),
    "no manifest": lambda contents: contents.pop("manifest.json"),
    "no job": lambda contents: contents.pop(JOB),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(other, packed, name):
    path = changed(packed, HOSTILE[name])
    with pytest.raises(SpecError) as refused:
        archive_opening.open_archive(other, path)
    said = str(refused.value)
    assert "\n" not in said and len(said) < 1300 and said[-1] not in " :"
    assert (
        other.jobs(kinds=None) == [] and list(other.runs.iterdir()) == [] and list(other.home.glob(".adopting*")) == []
    )


def test_an_archive_that_is_packed_anew_is_still_good(other, packed):
    assert archive_opening.open_archive(other, changed(packed, lambda contents: None)).new


def test_a_file_that_was_changed_on_the_way_is_noticed(other, packed):
    path = changed(packed, of_json(JOB, title="Another"), resign=False)
    with pytest.raises(SpecError, match="is not what was written"):
        archive_opening.open_archive(other, path)


def repacked(path: Path, entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, value in entries:
            file.writestr(entry, value)
    return path


def test_a_link_a_double_and_a_folder_are_refused(other, packed):
    with zipfile.ZipFile(packed) as file:
        whole = [(info, file.read(info)) for info in file.infolist()]
    link = zipfile.ZipInfo("runs/0001/shown.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    others = [pair for pair in whole if pair[0].filename != link.filename]
    for entries, said in (
        ([*others, (link, "/etc/passwd")], "link or a folder"),
        ([*whole, (JOB, b"{}")], "same name"),
        ([*whole, ("runs/0001/", b"")], "as none of an archive"),
    ):
        with pytest.warns(UserWarning) if "same" in said else pytest.MonkeyPatch.context():
            path = repacked(packed, entries)
        with pytest.raises(SpecError, match=said):
            archive_opening.open_archive(other, path)


def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_does(other, packed, monkeypatch):
    monkeypatch.setattr(archive_contents, "MOST_UNPACKED", 4 * 2**20)
    path = changed(packed, content("runs/0001/history.csv", b"0" * 8 * 2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(SpecError, match="unpacks to"):
        archive_opening.open_archive(other, path)


def test_a_process_of_its_own_reads_it_first(packed, monkeypatch):
    archive_vetting.vetted(packed, "a.zip")
    with pytest.raises(SpecError, match="^there|unpacks|damaged|no archive"):
        archive_vetting.vetted(changed(packed, HOSTILE["a pickle"]), "a.zip")
    monkeypatch.setattr(archive_vetting, "SECONDS", 0.01)
    with pytest.raises(SpecError, match="takes longer than"):
        archive_vetting.vetted(packed, "a.zip")


def test_other_files_are_no_archives(other, tmp_path):
    for name, value in (
        ("a.zip", b""),
        ("b.zip", b"PK\5\6" + b"\0" * 18),
        ("c.zip", b"\x89PNG"),
        ("d.zip", b"PK\3\4" * 50),
    ):
        (tmp_path / name).write_bytes(value)
        with pytest.raises(SpecError, match="no archive of this program"):
            archive_opening.open_archive(other, tmp_path / name)


def test_an_archive_larger_than_the_disk_may_hold_is_refused(other, packed, monkeypatch):
    monkeypatch.setattr("gi_core.jobs.quota.quota", lambda: 1000)
    with pytest.raises(SpecError, match="GI_QUOTA_MB"):
        archive_opening.open_archive(other, packed)
    assert list(other.runs.iterdir()) == []
