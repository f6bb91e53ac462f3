"""A round in the published schema (ResNet-18, 64x64), from its files to what an attack needs: all of it exact.

Global checkpoint, pickled weight differences, pickled statistics, in the three naming schemes that exist.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from gi_core import data
from gi_core.attacks.batch_norm import revealed
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.matching.problem import MatchingProblem
from gi_core.clients.fedavg import train
from gi_core.clients.round import normalised
from gi_core.experiments import preparing
from gi_core.experiments.setup import ask
from gi_core.settings import build
from gi_core.update_files.writing import write_round
from tests.update_files.recorded import renamed
from tests.victims import PLAN

torch.set_num_threads(1)
CPU = torch.device("cpu")
SAMPLE = "bundled/retina"
SCHEMES = ("model", "bare", "monai")


def _recording(folder: Path, scheme: str, epochs: int = 1, statistics: bool = True):
    """The round of one client on one picture, written as files; the Experiment that reads them back."""
    client = {
        "kind": "fedavg", "batch_norm": "train", "statistics": "shared", "learning_rate": 1e-2, "epochs": epochs,
    }  # fmt: skip
    common = {
        "size": 64,
        "normalise": "imagenet",
        "model": {"kind": "resnet18", "classes": 2},
        "labels": [1],
        "client": client,
    }
    played = build({"samples": [SAMPLE], **common})
    pictures = data.load(played)
    before, _ = preparing.prepare(played, pictures)
    # In float64: what float32 kernels make of a round differs between processors by as much as the bound below.
    done = train(
        copy.deepcopy(before).double(), normalised(pictures, CPU).double(), torch.tensor([1]),
        played.client, "cross_entropy", torch.Generator().manual_seed(0),
    )  # fmt: skip
    old, new = ({k: v.numpy() for k, v in m.state_dict().items()} for m in (before, done.model))
    change = {k: np.asarray(new[k], np.float64) - np.asarray(old[k], np.float64) for k in old}
    files = write_round(folder, renamed(old, scheme), renamed(change, scheme), name="round0_client1", pickled=True)
    recorded = {"checkpoint": str(files["checkpoint"]), "update": str(files["update"]), "reference": SAMPLE}
    if statistics:
        recorded["statistics"] = str(files["statistics"])
    attack = {
        "kind": "fl_gradient_inversion", "labels": "known", "prior": SAMPLE, "precision": "float64",
        "batch_norm_distance": "norms", "objective": "relative",
    }  # fmt: skip
    return build({"samples": [SAMPLE], "recorded": recorded, "attack": attack, **common}), new


@pytest.mark.parametrize("scheme", SCHEMES)
def test_statistics_loss_and_change_are_right_at_the_true_picture(tmp_path, gi_home, scheme):
    asked, new = _recording(tmp_path, scheme)
    done = ask(asked, CPU, lambda *_: None).round
    for name, value in done.update.statistics.items():
        np.testing.assert_allclose(np.asarray(value, np.float64), new[name], rtol=1e-6, atol=1e-7)
    problem = MatchingProblem(
        done.update,
        as_mean_gradient(done.update, done.knowledge.schedule),
        done.knowledge,
        asked.attack.settled(),
        PLAN,
        CPU,
    )
    truth = problem.draw(0, 0, 0)[None]  # the prior is the private picture itself
    _, terms = problem.evaluate(truth)
    assert float(terms["batch_norm"]) < 1e-3
    rate, norms = asked.client.learning_rate, {k: float(v.norm()) for k, v in done.update.tensors.items()}
    apart = sum(share * norms[name] for name, share in problem.residual(truth[0]).items())
    assert apart < 1e-6, f"simulated and recorded change differ by {apart} at a step size of {rate}"


def test_two_steps_are_counted_and_their_statistics_exact_without_the_statistics_file(tmp_path, gi_home):
    asked, new = _recording(tmp_path, "monai", epochs=2, statistics=False)
    done = ask(asked, CPU, lambda *_: None).round
    assert done.knowledge.schedule.steps == revealed.steps_taken(done.update, done.knowledge.model) == 2
    for name, value in done.update.statistics.items():
        np.testing.assert_allclose(np.asarray(value, np.float64), new[name], rtol=1e-5, atol=1e-6)
    relative = asked.attack.model_copy(update={"batch_norm_distance": "relative"}).settled()
    problem = MatchingProblem(
        done.update, as_mean_gradient(done.update, done.knowledge.schedule), done.knowledge, relative, PLAN, CPU
    )
    _, terms = problem.evaluate(problem.draw(0, 0, 0)[None])
    # The client's second step starts from float32 weights, ours from float64.
    assert float(terms["batch_norm"]) < 1e-6 and float(terms["gradient"]) < 1e-2
