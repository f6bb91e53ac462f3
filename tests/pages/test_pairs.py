"""Two runs side by side that differ in one thing, and what that changed."""

from __future__ import annotations

from gi_core.jobs.job import Job
from gi_core.settings import build
from pages.shared import link
from pages.shared.experiment import pairs
from pages.shared.experiment.knowing_pair import KNOWING
from pages.shared.experiment.statistics_pair import STATISTICS
from tests import pages_fakes as fakes
from tests.pages.opened import lab, text
from tests.pages.test_switchboard import FL, NORM


def test_both_runs_are_queued_and_shown_side_by_side(store):
    app = lab(experiment=link.encode(build({**NORM, "attack": {"kind": "dlg"}})))
    fakes.button(app, "pair_statistics").click().run()
    assert not app.exception
    shared, withheld = store.jobs()
    assert (app.query_params["run"], app.query_params["beside"]) == (withheld.id, shared.id)
    assert [j.spec["client"]["statistics"] for j in (withheld, shared)] == ["withheld", "shared"]
    assert {j.spec["client"]["batch_norm"] for j in (withheld, shared)} == {"train"}
    assert {j.spec["attack"]["kind"] for j in (withheld, shared)} == {"fl_gradient_inversion"}, (
        "DLG reads no statistics"
    )
    assert "statistics withheld" in text(app) and "statistics shared" in text(app)


def test_no_comparison_without_batch_norm(store):
    assert "pair.statistics" not in {b.key for b in lab().button}


def _run(statistics: str, psnr: float | None, seed: int = 0) -> Job:
    spec = build({**NORM, "seed": seed, "client": {"batch_norm": "train", "statistics": statistics}, "attack": FL})
    return Job(
        "0" * 12, "run", spec.model_dump(mode="json"), "", "done", "interactive", None, "", 0.0, None, None,
        result={"metrics": {"psnr": psnr}},
    )  # fmt: skip


def _told(jobs: list[Job]) -> str | None:
    return pairs.difference(jobs, (STATISTICS, KNOWING))


def test_the_measured_difference_in_one_sentence():
    said = _told([_run("withheld", 11.6), _run("shared", 15.4)])
    assert said == "Sharing the statistics raised PSNR from 11.6 to 15.4 dB."
    assert _told([_run("shared", 15.4), _run("withheld", 11.6)]) == said
    assert "hardly mattered" in (_told([_run("withheld", 21.7), _run("shared", 22.2)]) or "")
    assert "lowered" in (_told([_run("withheld", 21.7), _run("shared", 19.2)]) or "")
    assert _told([_run("withheld", 11.6), _run("shared", None)]) is None
    assert _told([_run("withheld", 11.6), _run("shared", 15.4, seed=1)]) is None
    assert _told([_run("shared", 11.6), _run("shared", 15.4)]) is None
