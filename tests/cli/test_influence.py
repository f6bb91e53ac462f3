"""`influence` on the command line and as a worker's job: values, names, refusals, pictures, cancelling."""

from __future__ import annotations

import json

import pytest
import torch

from gi_core.cli import main
from gi_core.experiments import influence_analysis, preparing
from gi_core.experiments.setup import Questions
from gi_core.jobs.store import Store
from gi_core.settings import SpecError
from gi_core.workers import duties
from gi_core.workers.worker import Worker
from tests.victims import experiment

NAMES = {
    "eigenvalue_max", "eigenvalue_min", "damping", "noise_std", "jacobian_delta_norm", "influence", "lower_bound",
    "predicted_rmse", "predicted_rmse_with_prior",
}  # fmt: skip
TINY = ("--size", "8", "--model", "lenet:width=3,init=uniform")
FACE = ("--sample", "bundled/faces:3", *TINY)


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory):
    """One GI_HOME for the published network, so that its spectrum is worked out once."""
    return tmp_path_factory.mktemp("spectra")


@pytest.fixture
def published(shared_data, kept_home, gi_home, monkeypatch):
    monkeypatch.setenv("GI_HOME", str(kept_home))
    model = "lenet:layers=4,init=uniform,seed=1"
    return ["--sample", f"folder:{shared_data}/mnist_test:0000", "--model", model, "--normalise", "mnist"]


def told(capsys, *argv: str) -> dict:
    assert main(["influence", *argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_published_values_and_the_promised_names(capsys, published):
    found = told(capsys, *published, "--defense", "pruning:fraction=0.4,scope=global")
    (row,) = found["samples"]
    assert NAMES | {"predicted_rmse_normalised", "protected", "words"} <= set(row)
    assert row["eigenvalue_max"] == pytest.approx(2.71562, rel=1e-4)
    assert row["eigenvalue_min"] == pytest.approx(8.35e-5, rel=1e-2)
    assert row["jacobian_delta_norm"] == pytest.approx(0.0130423, rel=1e-4)
    assert row["lower_bound"] == pytest.approx(0.0130423 / 2.71562, rel=1e-4)
    assert row["exact"] and row["noise_std"] is None and row["perturbation"] == "defense"
    assert row["influence"] == pytest.approx(row["predicted_rmse_normalised"] * 28)
    assert row["predicted_rmse"] == pytest.approx(row["predicted_rmse_normalised"] * 0.30810782313, rel=1e-5)


def test_noise_gives_the_expectation_and_what_the_seed_draws(capsys, published):
    (row,) = told(capsys, *published, "--noise-std", "1e-3")["samples"]
    assert row["noise_std"] == 1e-3 and row["predicted_rmse_normalised"] == pytest.approx(0.01478, rel=1e-3)
    assert row["drawn"]["influence"] == pytest.approx(row["influence"], rel=0.15) and row["drawn"] != row
    (same,) = told(capsys, *published, "--defense", "gaussian_noise:std=0.001")["samples"]
    assert same["influence"] == pytest.approx(row["drawn"]["influence"], rel=1e-6)


def test_damping_1_is_the_published_mode_and_far_too_small(capsys, published):
    (row,) = told(capsys, *published, "--noise-std", "1e-3", "--damping", "1")["samples"]
    (free,) = told(capsys, *published, "--noise-std", "1e-3")["samples"]
    assert row["damping"] == pytest.approx(1.0) and row["influence"] == pytest.approx(0.0056, rel=0.03)
    assert row["drawn"]["influence"] == pytest.approx(0.0057, rel=0.1)
    assert free["influence"] > 50 * row["influence"]


def test_several_pictures_are_each_taken_alone(capsys, gi_home):
    both = told(capsys, "--sample", "bundled/faces:3", "--sample", "bundled/faces:150", *TINY)["samples"]
    assert [row["sample"] for row in both] == ["bundled/faces:3", "bundled/faces:150"]
    (alone,) = told(capsys, *FACE)["samples"]
    assert {**alone, "seconds": 0} == {**both[0], "seconds": 0}


@pytest.fixture
def certain(gi_home, tmp_path):
    """Weights by which label 0 is so certain that its gradient is zero, and label 1 is wrong."""
    from safetensors.torch import save_file

    from gi_core import data

    asked = experiment()
    model, _ = preparing.prepare(asked, data.load(asked))
    with torch.no_grad():
        model.fc.bias[0] = 2000.0
    save_file(model.state_dict(), tmp_path / "certain.safetensors")
    return str(tmp_path / "certain.safetensors")


def test_a_picture_that_says_nothing_stands_beside_the_others(capsys, certain):
    two = ["--sample", "bundled/faces:3", "--label", "0", "--sample", "bundled/faces:4", "--label", "1"]
    silent, loud = told(capsys, *two, *TINY, "--weights", certain)["samples"]
    assert "zero" in silent["error"] and "eigenvalue_max" not in silent and loud["eigenvalue_max"] > 0
    assert main(["influence", *two, *TINY, "--weights", certain]) == 0
    assert "bundled/faces:3: the gradient is zero" in capsys.readouterr().out
    assert main(["influence", *FACE, "--label", "0", "--weights", certain]) == 2


def test_text_names_what_the_numbers_are(capsys, gi_home):
    assert main(["influence", *FACE, "--noise-std", "1e-5"]) == 0
    out = capsys.readouterr().out
    assert "without a picture prior" in out and "no safety floor" in out and "with a pixel prior" in out
    assert "bundled/faces:3" in out and "largest eigenvalue" in out
    assert not any(word in out for word in ("guarantee", "None", "nan", "inf "))
    assert main(["influence", *FACE, "--noise-std", "10"]) == 0
    assert "protected at this noise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((*FACE, "--noise-std", "-1"), "from 0 to 1000, not -1"),
        ((*FACE, "--noise-std", "nan"), "not nan"),
        ((*FACE, "--noise-std", "inf"), "not inf"),
        ((*FACE, "--noise-std", "much"), "--noise-std"),
        ((*FACE, "--damping", "-1"), "not -1"),
        ((*FACE, "--seconds", "nan"), "seconds"),
        ((*FACE, "--seconds", "-3"), "seconds"),
        ((*FACE, "--noise-st", "1"), "did you mean '--noise-std'?"),
        ((*FACE, "--label", "99"), "out of range"),
        (("--sample", "bundled/nobody", *TINY), "no bundled picture 'nobody'"),
        (("--sample", "bundled/faces:3", "--sample", "bundled/nobody", *TINY), "no bundled picture 'nobody'"),
        (("--sample", "bundled/faces:3", "--model", "lenett"), "did you mean 'lenet'?"),
        (("--sample", "bundled/faces:3", "--model", "mobilenet_v2"), "set channels to 3"),
        (("--sample", "bundled/faces:3", "--set", "channels=3", "--model", "mobilenet_v2"), "choose a larger size"),
        (
            ("--sample", "bundled/faces:3", "--size", "12", "--model", "convnet:width=2", "--set", "client.batch_norm=train"),
            "choose client.batch_norm=eval",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(capsys, gi_home, argv, says):
    assert main(["influence", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("error: ") and says in err


def test_a_picture_that_moves_no_gradient_is_protected(capsys, gi_home, tmp_path):
    from safetensors.torch import save_file

    from gi_core import data

    asked = experiment(model={"kind": "mlp", "hidden": 8})
    model, _ = preparing.prepare(asked, data.load(asked))
    with torch.no_grad():  # behind dead units no gradient but that of the last bias is left
        next(p for name, p in model.named_parameters() if name.endswith("bias")).fill_(-1e3)
    save_file(model.state_dict(), tmp_path / "dead.safetensors")
    dead = (
        "--sample",
        "bundled/faces:3",
        "--size",
        "8",
        "--model",
        "mlp:hidden=8",
        "--weights",
        str(tmp_path / "dead.safetensors"),
    )
    for noise in ((), ("--noise-std", "1e-3")):
        (row,) = told(capsys, *dead, *noise)["samples"]
        assert row["protected"] and row["eigenvalue_max"] == 0
        assert main(["influence", *dead, *noise]) == 0
        out = capsys.readouterr().out
        assert "protected" in out and "lower bound none" in out


# -- a worker's job


@pytest.fixture
def worker(gi_home):
    made = Worker(Store(), "interactive")
    made.questions = Questions()
    return made


def _asked(**values) -> dict:
    samples = ["bundled/faces:3", "bundled/faces:150"]
    return {"experiment": experiment(samples=samples).model_dump(mode="json"), **values}


def test_a_worker_answers_and_leaves_the_pictures(worker):
    store = worker.store
    first = store.submit("influence", _asked(noise_std=1e-3, seconds=20), cache_key="k")
    worker.do(worker.writer.claim("interactive"))
    job = store.job(first)
    assert job.state == "done" and store.submit("influence", {}, cache_key="k") == first
    for i, row in enumerate(job.result["samples"]):
        assert NAMES <= set(row) and row["picture"] == f"picture_{i:03d}.png"
        assert (store.path(first) / row["picture"]).read_bytes().startswith(b"\x89PNG")
        assert len(row["curve"]["rmse"]) == len(row["curve"]["noise_std"]) == 81
        assert len(row["spectrum"]["values"]) == 64
    assert job.progress["fraction"] > 0


def test_a_worker_fails_with_one_sentence(worker):
    for spec, word in ((_asked(noise_std=-1), "noise"), ({"experiment": {"samples": ["bundled/nobody"]}}, "nobody")):
        name = worker.store.submit("influence", spec)
        worker.do(worker.writer.claim("interactive"))
        job = worker.store.job(name)
        assert job.state == "failed" and word in job.error and "\n" not in job.error


def test_cancelling_reaches_the_spectrum(worker):
    class Cancel:
        polls = 0

        def poll(self) -> str:
            self.polls += 1
            return "cancel" if self.polls > 1 else ""

    name = worker.store.submit("influence", _asked())
    duties.do(worker.writer.claim("interactive"), worker.writer, Cancel(), worker.questions)
    job = worker.store.job(name)
    assert job.state == "cancelled" and not (job.result or {}).get("samples")


def test_nothing_is_answered_for_noise_that_is_no_number(gi_home):
    with pytest.raises(SpecError, match="noise"):
        influence_analysis.answer(experiment(), noise_std=float("inf"))
