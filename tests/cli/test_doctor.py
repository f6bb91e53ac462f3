"""`doctor` says what is there, what is missing, and what to do about it."""

from __future__ import annotations

from gi_core.cli import doctor
from gi_core.common import paths
from gi_core.data import archives


def _rows() -> dict[str, tuple]:
    return {row[0]: row for row in doctor.report()}


def test_everything_has_a_line_and_what_is_missing_a_remedy(gi_home):
    rows = _rows()
    assert {
        "Python",
        "torch",
        "CPU",
        "CUDA",
        "bundled pictures",
        "LPIPS weights",
        "ImageNet resnet18",
        "GI_HOME",
        "GI_DATA",
    } <= set(rows)
    assert {data_set.title for data_set in archives.DATA_SETS.values()} <= set(rows)
    for name, ok, detail, remedy in rows.values():
        assert detail and (ok or remedy), name
        assert not (ok and remedy) and "\n" not in detail + remedy
    assert rows["torch"][1] and rows["torchvision import"][1] and rows["bundled pictures"][1]
    assert rows["CIFAR-10"][3] == "python -m gi_core fetch cifar10" and not rows["CIFAR-10"][1]


def test_what_is_there_is_said_to_be_there(gi_home):
    for split in ("train", "test"):
        for path in archives.files("mnist", split):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert _rows()["MNIST"][1:] == (True, f"test and train in {paths.data_home()}/MNIST/raw", "")


def test_a_full_disk_and_a_home_that_cannot_be_made(gi_home, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ENOUGH_BYTES", 10**18)
    assert not _rows()["GI_HOME"][1]
    (tmp_path / "file").touch()
    monkeypatch.setenv("GI_HOME", str(tmp_path / "file" / "home"))
    assert _rows()["GI_HOME"][3] == "set GI_HOME to a folder you can write to"
