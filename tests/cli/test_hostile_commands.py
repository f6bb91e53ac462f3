"""Every command under words and files that nobody foresaw: exit code 0, 1, 2 or 3, at most one `error:` line, no traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi_core.cli import COMMANDS, main

TINY = [
    "--sample", "bundled/faces:3", "--size", "8", "--model", "lenet:width=4,classes=4", "--attack",
    "inverting_gradients:iterations=1", "--device", "cpu",
]  # fmt: skip
BAD = [
        "", "-", "--", ":", "=", ",", "nan", "inf", "-1", "1e999", "1e308", "1e30", "1e-320", "-0.0", "9" * 30, "9" * 5000, "[" * 3000, "{" * 3000, '{"a":' * 500,
        "\0", "a\0b", "²", "٣", "../..", "~", "~nobody", "/dev/null", "/dev/zero", ".", "/", "folder:", "folder::", "folder:/:0", "npz:",
        "upload:", "upload:" + "0" * 64, "bundled/", "bundled/faces:", "mnist:", "mnist/x:1", "cifar10:²", "custom:", "custom:.",
        "trained:", "trained:epochs=1e9", "imagenet:", "dlg:", "dlg:=", "dlg:trials", "dlg:trials=,", "dlg:preset=", "lenet:classes=0",
        "3x3", "3x0x0", "999999999x999999999x999999999", "\ud800", "\U0001f600", "a" * 5000, "%s%n", "$(x)", "\r\n", "\x1b[31m",
]  # fmt: skip
WORDS = st.one_of(st.sampled_from(BAD), st.text(max_size=12))
PATHS = st.sampled_from(["", "samples", "samples.0", "samples.-1", "samples.9", "attack", "attack.kind", "attack.", ".", "seed", "labels", "size",
                         "weights", "weights.kind", "client", "defenses", "defenses.0", "model.layers", "recorded", "schema_version"])  # fmt: skip
OPTIONS = {
    "attack": ["--set", "--sample", "--label", "--size", "--normalise", "--model", "--weights", "--client", "--server", "--defense", "--attack",
               "--seed", "--device", "--experiment", "--resume"],
    "influence": ["--sample", "--label", "--model", "--weights", "--defense", "--noise-std", "--damping", "--seconds", "--experiment", "--report"],
    "invert": ["--checkpoint", "--update", "--bn-stats", "--prior", "--reference", "--image-size", "--images", "--client", "--attack", "--model", "--label"],
    "audit": ["--checkpoint", "--update", "--reference", "--prior", "--threshold", "--image-size", "--model", "--client"],
    "inspect-model": ["", "--model", "--input", "--before"],
    "rank": ["--model", "--input", "--report"],
    "federate": ["", "--out"],
    "sweep": ["", "--csv", "--html"],
    "lessons": ["", "--handout", "--notes"],
    "reproduce": ["", "--budget", "--pictures", "--count", "--file", "--out", "--workers"],
    "check-deployment": ["--network", "--size", "--pictures", "--server", "--config", "--out"],
    "list": [""],
    "runs": ["", "--search", "--limit", "--sweep", "--out"],
    "report": ["", "--out"],
    "summary": ["", "--out"],
    "figure": ["", "--out", "--width", "--columns"],
    "table": ["", "--out", "--caption"],
    "cite": ["", "--out"],
    "fetch": [""],
    "doctor": [""],
    "app": ["", "--port"],
}  # fmt: skip
NEEDED = {
    "invert": ["--checkpoint", "x", "--update", "y", "--image-size", "8", "--model", "lenet"],
    "rank": ["--model", "lenet"],
    "inspect-model": ["x", "--model", "lenet"],
    "lessons": ["gradient"],
    "reproduce": ["rgap_mse_table"],  # no experiment tests it, so nothing runs
    "check-deployment": ["--workers", "0"],  # nobody works on it
}
NEEDED |= {name: ["0" * 12, "--out", "taken.html"] for name in ("report", "summary")}
NEEDED |= {"figure": ["0" * 12, "--out", "taken.svg"], "table": ["0" * 12], "cite": ["0" * 12]}
NEEDED["audit"] = [*NEEDED["invert"], "--reference", "z"]


def test_every_command_is_tried():
    assert set(OPTIONS) == set(COMMANDS)


def ends_well(arguments: list[str], capsys) -> int:
    """Runs the command; its exit code, one of those that are promised."""
    capsys.readouterr()
    try:
        code = main(arguments)
    except SystemExit as stop:
        pytest.fail(f"{arguments!r} left with {stop.code}")
    told = capsys.readouterr()
    errors = [line for line in told.err.splitlines() if line.startswith("error:")]
    assert code in (0, 1, 2, 3), (arguments, code)
    assert len(errors) == (code == 2), (arguments, told.err)
    assert "Traceback" not in told.err + told.out and all(len(line) < 1400 for line in errors)
    return code


def beginning(command: str, action: str = "list") -> list[str]:
    """A command that works as it is, or lacks one word."""
    needed = {"attack": TINY, "influence": [*TINY[:6], "--seconds", "1"], "runs": [action]}
    return [command, *NEEDED.get(command, []), *needed.get(command, [])]


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> Path:
    """A home of its own, nothing to fetch, and a folder to stand in."""
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GI_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("gi_core.experiments.fetching.fetch", lambda *a, **k: None, raising=False)
    monkeypatch.setattr("gi_core.cli.dashboard.serve", lambda command: 0)
    monkeypatch.chdir(_fresh(tmp_path / "here"))
    return tmp_path


@pytest.mark.parametrize("command", sorted(OPTIONS))
def test_every_option_meets_every_bad_word(command, nowhere, monkeypatch, capsys):
    for option in OPTIONS[command]:
        for word in BAD:
            monkeypatch.chdir(_fresh(nowhere / "here"))
            ends_well([*beginning(command), *[option] * bool(option), word], capsys)


@pytest.mark.parametrize("command", sorted(OPTIONS))
@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_words_end_in_a_traceback(command, data, nowhere, monkeypatch, capsys):
    monkeypatch.chdir(_fresh(nowhere / "here"))
    arguments = beginning(command, data.draw(st.sampled_from(["list", "show", "export", "x"])))
    for _ in range(data.draw(st.integers(1, 2))):
        option = data.draw(st.sampled_from(OPTIONS[command]))
        arguments += [option] * bool(option) + [data.draw(WORDS)]
    if command in ("attack", "influence") and data.draw(st.booleans()):
        arguments += ["--set", f"{data.draw(PATHS)}={data.draw(WORDS)}"]
    ends_well(arguments, capsys)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.text("ab.=[]{}\"'\\#\n 019,_-:", max_size=80).map(str.encode),
    st.sampled_from([b"", b"{}", b"[]", b"null", b'{"base":3}', b'{"axes":[{}]}', b"[base]\nseed = 1\n[[axes]]\nname='x'\npath='seed'\nvalues=[1979-05-27]",
                     b"[[axes]]\nname='x'\npath='a.b.c'\nvalues=[1]", b'{"layers":[{}]}', b'{"layers":[],"logits":[]}', b"\x93NUMPY", b"PK\3\4", b"PK\5\6" + b"\0" * 18,
                     b"\x80\x02.", (8).to_bytes(8, "little") + b'{"a":{}}', b"\x1f\x8b", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF"]),
)  # fmt: skip
READERS = [
    ["attack", "--experiment", "F.json", *TINY], ["attack", "--sample", "F.png"], ["attack", *TINY, "--weights", "F.pt"], ["attack", *TINY, "--model", "custom:F.json"],
    ["runs", "import", "F.zip"], ["rank", "--model", "custom:F.json"], ["federate", "F.toml"], ["federate", "F.json"], ["sweep", "F.toml"], ["sweep", "F.json"],
    ["invert", "--checkpoint", "F.pt", "--update", "F.npz", "--image-size", "8", "--model", "lenet:classes=4,width=4"],
    ["invert", "--checkpoint", "F.safetensors", "--update", "F.safetensors", "--bn-stats", "F.npz", "--image-size", "8", "--model", "lenet"],
    ["audit", "--checkpoint", "F.pt", "--update", "F.npz", "--image-size", "8", "--model", "lenet", "--reference", "F.png"],
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda r: " ".join(r)[:40])
@given(content=CONTENTS)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_content_of_a_file_ends_in_a_traceback(reader, content, nowhere, monkeypatch, capsys):
    monkeypatch.chdir(_fresh(nowhere / "here"))
    for word in reader:
        if "F." in word:
            Path(word.rpartition(":")[2]).write_bytes(content)
    ends_well(reader, capsys)
