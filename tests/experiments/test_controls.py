"""Standing controls: what stands in the update's place says nothing of the private picture, and what follows is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import gi_core as gi
from gi_core import attacks
from gi_core.common.errors import SpecError
from gi_core.experiments import controls, setup
from gi_core.experiments.sweeps.against import against, sentences
from gi_core.experiments.sweeps.control_sweep import controls_of
from gi_core.jobs.sweep_questions import questions
from gi_core.settings import Experiment, build, problems
from gi_core.settings.plan import Plan

ASKED = {
    "samples": ["bundled/faces:3"], "size": 16, "model": {"kind": "lenet", "width": 2, "init": "uniform"}, "attack": {"kind": "dlg", "iterations": 3},
}  # fmt: skip
SMOOTH = {"kind": "inverting_gradients", "iterations": 20, "total_variation": 0.1}


def asked(control: str, **more) -> setup.Question:
    return setup.ask(build({**ASKED, "control": control, **more}), torch.device("cpu"), lambda *_: None)


def flat(question: setup.Question) -> torch.Tensor:
    return torch.cat([t.flatten() for t in question.round.update.tensors.values()]).double()


def test_noise_has_the_length_of_every_tensor_and_nothing_else_of_the_update():
    own, noise, again = asked("none"), asked("noise"), asked("noise")
    for name, tensor in own.round.update.tensors.items():
        assert float(noise.round.update.tensors[name].norm()) == pytest.approx(float(tensor.norm()), rel=1e-5)
    assert torch.equal(flat(noise), flat(again)), "one seed, one noise"
    assert abs(float(torch.cosine_similarity(flat(own), flat(noise), dim=0))) < 0.3
    assert not torch.equal(flat(noise), flat(asked("noise", seed=1)))
    assert (own.pictures.images == noise.pictures.images).all(), "what it is compared with stays"


def test_noise_brings_no_statistics_of_the_pictures_along_and_hides_every_round():
    shared = {
        "model": {"kind": "convnet"},
        "size": 32,
        "client": {"batch_norm": "train", "statistics": "shared", "rounds": 2},
    }
    own, noise = asked("none", **shared), asked("noise", **shared)
    assert own.round.update.statistics and noise.round.update.statistics
    before = noise.round.knowledge.model.state_dict()
    assert all(torch.equal(v, before[k].to(v)) for k, v in noise.round.update.statistics.items())
    pairs = zip(own.round.knowledge.earlier, noise.round.knowledge.earlier, strict=True)
    assert all(
        not torch.equal(a.update.tensors[n], b.update.tensors[n])
        for a, b in pairs
        for n in a.update.tensors
        if a.update.tensors[n].any()
    )


def test_another_client_has_the_next_picture_and_the_answer_is_compared_with_the_own():
    own, other = asked("none"), asked("other")
    next_one = asked("none", samples=["bundled/faces:103"])
    assert torch.equal(flat(other), flat(next_one)) and not torch.equal(flat(other), flat(own))
    assert (other.pictures.images == own.pictures.images).all()


def test_the_prior_alone_is_what_the_update_cannot_change():
    found = []
    for seed in (0, 1):
        question = asked("prior", attack=SMOOTH)
        noise = {
            k: torch.randn(t.shape, generator=torch.Generator().manual_seed(seed))
            for k, t in question.round.update.tensors.items()
        }
        update = replace(question.round.update, tensors=noise)
        knowledge = replace(question.round.knowledge, labels=torch.zeros(1, dtype=torch.long))
        machine = attacks.make(
            question.experiment.attack.model_copy(update={"labels": "known"}),
            update,
            knowledge,
            plan=Plan(),
            device="cpu",
        )
        state = machine.init(0)
        for _ in range(5):
            state, _ = machine.step(state)
        found.append(state["z"].clone())
    assert torch.equal(found[0], found[1])


def test_what_there_is_no_control_of_is_one_sentence():
    none = [p.reason for p in problems(build({**ASKED, "control": "prior"})) if p.field == "control"]
    assert none == ["DLG has no prior: use noise or other"]
    assert not [p for p in problems(build({**ASKED, "attack": SMOOTH, "control": "prior"})) if p.field == "control"]
    with pytest.raises(SpecError, match="is a control itself"):
        controls_of(build({**ASKED, "control": "noise"}))
    with pytest.raises(SpecError, match="there is no control 'nois'"):
        gi.controls(build(ASKED), kinds=("nois",))


def test_old_questions_keep_their_key():
    assert (
        build(ASKED).key() == Experiment.model_validate({**ASKED}).key() != build({**ASKED, "control": "noise"}).key()
    )


def test_a_sweep_of_controls_asks_for_each():
    runs = [q for q in questions(controls_of(build(ASKED))) if q.role == "run"]
    assert [bool(q.refused) for q in runs] == [False, False, False, True]


def test_python_runs_them_and_says_what_follows(gi_home):
    found = gi.controls(build(ASKED), kinds=("noise", "prior"), progress=False)
    assert list(found.controls) == ["noise"] and "no prior" in found.refused["prior"]
    document = found.controls["noise"].document
    assert (
        document["control"]["kind"] == "noise" and document["control"]["plausible"] is False and "risk" not in document
    )
    assert found.sentence.startswith("DLG: without the update it gets SSIM") and "not possible" in str(found)


def row(control: str, ssim: float, **more) -> dict:
    return {"attack": "inverting_gradients", "samples": "a", "control": control, "ssim": ssim, **more}


def test_an_attack_that_makes_plausible_pictures_of_noise_is_shown_to():
    rows = [row("none", 0.42), row("none", 0.7), row("noise", 0.4, plausible=True), row("other", 0.1)]
    (found,) = against(rows)
    assert (found.best, found.above, found.total, found.plausible) == ("noise", 1, 2, True)
    assert "1 of 2 answers are above that. What it makes of noise looks like a picture" in found.sentence
    assert "the answer is no better" in sentences([rows[0], rows[2]]) and sentences(rows[:2]) == ""


def test_plausible_is_as_smooth_and_as_varied_as_pictures():
    draw = np.random.default_rng(0)
    ramp = np.linspace(0, 1, 16)
    pictures = np.stack([np.outer(ramp, np.roll(ramp, k))[None] for k in range(8)])
    assert controls.plausible(pictures[:1], pictures)
    assert not controls.plausible(draw.random((1, 1, 16, 16)), pictures), "noise is rough"
    assert not controls.plausible(np.full((1, 1, 16, 16), 0.5), pictures), "grey shows nothing"
