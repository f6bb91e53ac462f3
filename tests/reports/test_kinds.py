"""Reports of sweeps, frontiers, walls, federations and analyses: what counts as known, how it is repeated, and that words stay words."""

from __future__ import annotations

import json

import pytest

from gi_core.analysis.rank import count
from gi_core.cli import main
from gi_core.jobs import sweeps as jobs
from gi_core.jobs.store import Store
from gi_core.reports import analyses, federations, subjects, summary, swept
from gi_core.reports.page import html_page
from gi_core.reports.parts import Verdict
from gi_core.settings import SpecError, build
from gi_core.settings.drawings import drawing
from gi_core.settings.federation import Federation
from gi_core.settings.networks import LeNet
from gi_core.settings.rgap_networks import Cnn6
from gi_core.settings.sweep import build_sweep
from tests import pages_fakes as fakes

EVIL = "<img src=x onerror=zzz>"
NOISE = {"name": "noise", "path": "defenses", "values": [[], ["gaussian_noise:std=0.5"]], "labels": ["none", EVIL]}


@pytest.fixture
def store(gi_home) -> Store:
    return Store(gi_home)


def sweep_of(store: Store, axes, ended: int | None = None, name: str = "Noise") -> str:
    asked = build_sweep({"name": name, "question": f"How much {name}?", "base": {"size": 32}, "axes": axes})
    number = jobs.start(store, asked)
    for entry in jobs.members(store, number)[:ended]:
        fakes.play(store, entry.job.id, "done", snapshots=2)
    return number


def verdict(report) -> Verdict:
    return next(part for part in report.parts if isinstance(part, Verdict))


def test_a_sweep_tells_its_answer_and_every_experiment(store):
    number = sweep_of(store, [NOISE], name=EVIL)
    found = subjects.report_of(store, [number])
    document = html_page(found)
    assert found.kind == "Sweep" and verdict(found).level == "exposed" and "Of 2 experiments: 2 exposed." in document
    assert "python -m gi_core sweep" in document and "from gi_core.cli import main" in document
    assert EVIL not in document and "&lt;img src=x" in document and document.count('<img src="data:image/png') == 3


def test_what_has_not_ended_counts_as_not_known(store):
    found = subjects.report_of(store, [sweep_of(store, [NOISE], ended=0)])
    assert verdict(found).level == "unknown"
    half = swept.of_store(store, sweep_of(store, [NOISE, {"name": "seed", "path": "seed", "values": [1, 2]}], ended=1))
    assert "3 of 4 experiments gave nothing that was measured" in " ".join(swept.limits(half))
    assert "goes on" in " ".join(swept.limits(half))


def test_what_helps_is_what_was_tried():
    rows = [
        {"defenses": "none", "mse": 1e-6, "ssim": 1.0, "psnr": 60.0},
        {"defenses": "soteria", "mse": 0.2, "ssim": 0.1, "psnr": 7.0, "iip_rank": 9},
    ]
    assert swept.stopped(rows)[0].startswith("The attacks tried here got nothing of the pictures with: soteria")
    assert "not measured" in swept.stopped(rows[:1])[0]
    assert "None of the 1 defenses" in swept.stopped([rows[0], {**rows[0], "defenses": "soteria"}])[0]


def test_a_wall_is_a_table_and_a_frontier_gives_advice(store):
    wall = sweep_of(store, [
        {"name": "Attack", "path": "attack", "values": ["levenberg_marquardt", "inverting_gradients"]},
        {"name": "Defense", "path": "defenses", "values": [[], ["pruning"]]},
    ])  # fmt: skip
    found = subjects.report_of(store, [wall])
    assert found.kind == "Wall" and "stopped every attack" in verdict(found).text
    asked = build_sweep({"name": "F", "base": {"size": 32}, "axes": [NOISE], "utility": {"seeds": [0]}})
    frontier = subjects.report_of(store, [jobs.start(store, asked)])
    assert (
        frontier.kind == "Frontier"
        and verdict(frontier).level == "unknown"
        and "No advice yet" in verdict(frontier).head
    )


def test_a_sweep_on_one_page(store):
    page = summary.html_summary(subjects.summary_of(store, [sweep_of(store, [NOISE])]))
    assert "2 of 2 experiments ended with a picture" in page and "2 exposed" in page


def test_a_sweep_withholds_nothing_and_says_so(store):
    with pytest.raises(SpecError, match="single run"):
        subjects.report_of(store, [sweep_of(store, [NOISE])], truth=False)


def federation(store: Store, clients: list[dict], title: str = "Mine") -> str:
    number = store.submit("federation", Federation().model_dump(mode="json"), title=title)
    found = {
        "clients": [{"client": k, "pictures": 1, "labels": {EVIL: 1}} for k in (1, 2)], "start": {"accuracy": 0.5, "loss": 0.7},
        "rounds": [{"round": 1, "accuracy": 0.8, "loss": 0.4, "took_part": [1, 2], "clients": clients}], "privacy": None, "status": "done",
    }  # fmt: skip
    store.database.write(
        "UPDATE jobs SET state = 'done', result = ?, finished = 1 WHERE id = ?", (json.dumps(found), number)
    )
    return number


LEAK = {
    "client": 1,
    "pictures": 1,
    "ssim": 0.97,
    "psnr": 31.0,
    "rdlv_mean": 2.0,
    "rdlv_low": 2.0,
    "rdlv_high": 2.0,
    "measure": "rdlv",
}


def test_a_federation_is_judged_by_its_most_exposed_client(store):
    found = subjects.report_of(store, [federation(store, [LEAK], EVIL)])
    document = html_page(found)
    assert verdict(found).level == "exposed" and "client 1 in round 1" in document and EVIL not in document
    assert "1 of 2 clients were attacked" in document and "python -m gi_core federate" in document
    assert subjects.summary_of(store, [federation(store, [LEAK])]).level == "exposed"


@pytest.mark.parametrize("clients", [[], [{"client": 1, "pictures": 1, "error": "it was refused"}]])
def test_a_federation_that_nobody_measured_is_not_known(store, clients):
    found = subjects.summary_of(store, [federation(store, clients)])
    assert found.level == "unknown" and found.head.startswith("Not known")


def test_a_federation_without_a_round_is_refused(store):
    number = store.submit("federation", Federation().model_dump(mode="json"))
    with pytest.raises(SpecError, match="wait for the first"):
        subjects.report_of(store, [number])


def test_a_rank_analysis_never_says_protected():
    for network, level in ((Cnn6(), "exposed"), (LeNet(activation="relu"), "unknown")):
        document = count(drawing(network, (3, 32, 32), 10), network.name).to_json()
        found = analyses.rank(document)
        assert verdict(found).level in ("exposed", "partly", "unknown") and (
            verdict(found).level == level or level == "unknown"
        )
        text = html_page(found)
        assert f"--model {network.name}" in text and "gi.rank(" in text and "Chen" in text
    assert {level for level, _ in analyses._RANK.values()} == {"exposed", "partly", "unknown"}


def test_an_influence_is_repeated_as_it_was_asked():
    spec = {"experiment": build({"size": 8, "samples": ["bundled/faces:3"]}).model_dump(mode="json"), "noise_std": 0.1}
    one = {"sample": EVIL, "label": 0, "class_name": EVIL, "error": EVIL}
    found = analyses.influence(spec, {"model": "lenet", "samples": [one], "notices": [EVIL]})
    text = html_page(found)
    assert verdict(found).level == "unknown" and EVIL not in text
    assert (
        "python -m gi_core influence --sample bundled/faces:3" in text
        and "--noise-std 0.1" in text
        and "--attack" not in text
    )


def test_a_job_of_another_kind_has_no_report(store):
    number = store.submit("preview", build({}).model_dump(mode="json"))
    with pytest.raises(SpecError, match="is about runs"):
        subjects.report_of(store, [number])


def test_the_command_line_reports_an_analysis(gi_home, tmp_path, capsys):
    place = tmp_path / "rank.html"
    assert main(["rank", "--model", "cnn6", "--report", str(place)]) == 0
    assert "Rank analysis of cnn6" in place.read_text()
    assert main(["rank", "--model", "cnn6", "--report", "rank.txt"]) == 2 and "ends with" in capsys.readouterr().err


def test_levels_of_federations_are_those_of_pictures():
    assert (
        federations.verdict({"rounds": [{"round": 2, "accuracy": 1, "clients": [{**LEAK, "ssim": 0.1, "psnr": 8.0}]}]})[
            0
        ]
        == "protected"
    )
