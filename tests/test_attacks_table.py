"""Every attack x model x label strategy x defense runs a few iterations or refuses with a reason."""

from __future__ import annotations

import itertools

import pytest
import torch

from gi_core.attacks import Refused
from gi_core.spec import ATTACKS, DEFENSES, MODELS, Experiment, problems
from tests.victims import advance, experiment, machine

TINY_MODELS = {
    "lenet": {"kind": "lenet", "width": 2, "init": "uniform"},
    "convnet": {"kind": "convnet", "width": 2, "depth": 3},
    "resnet20": {"kind": "resnet20"},
    "mlp": {"kind": "mlp", "hidden": 8},
    "linear": {"kind": "linear"},
    "vit": {"kind": "vit", "hidden": 8, "heads": 2, "depth": 1},
    "cnn6": {"kind": "cnn6"},
    "cnn6_d": {"kind": "cnn6_d", "logits": "classes", "bias": True},
    "fcn3": {"kind": "fcn3"},
    "custom": {
        "kind": "custom",
        "layers": [
            {"kind": "conv", "channels": 8, "stride": 2},
            {"kind": "dense", "features": 6, "activation": "relu"},
        ],
    },
}
LARGE = ("resnet32", "resnet56", "resnet18", "resnet34", "resnet50", "resnet152", "densenet121", "mobilenet_v2")
TINY_DEFENSES = {
    "none": [],
    "gaussian_noise": [{"kind": "gaussian_noise", "std": 1e-3}],
    "clipping": [{"kind": "clipping", "norm": 0.1}],
    "pruning": [{"kind": "pruning", "fraction": 0.5}],
    "quantisation": [{"kind": "quantisation", "bits": 4}],
    "protective_direction": [{"kind": "protective_direction"}],
}
LABELS = ("known", "auto", "idlg", "bias_sign", "row_sum", "iterative", "joint", "observed_delta")
TINY_ATTACKS = {
    "dlg": {"iterations": 2, "inner": 3, "trials": 2},
    "idlg": {"iterations": 2, "inner": 3, "trials": 1},
    "inverting_gradients": {"iterations": 2, "trials": 2},
    "levenberg_marquardt": {"iterations": 1, "krylov": 8, "restarts": 0},
    "analytic_linear": {},
    "rgap": {},
    "peeling": {"matching": 1},
    "rgap_hybrid": {"matching": 1},
    "fl_gradient_inversion": {"iterations": 2},
    "grad_inversion": {"iterations": 2, "trials": 2},
}
OPEN = ("dlg", "idlg", "inverting_gradients", "levenberg_marquardt", "fl_gradient_inversion", "grad_inversion")
CLOSED = ("analytic_linear", "rgap", "peeling", "rgap_hybrid")


def test_the_table_knows_everything_that_can_be_asked():
    assert set(TINY_ATTACKS) == set(ATTACKS)
    assert set(TINY_MODELS) | set(LARGE) == set(MODELS)
    assert set(TINY_DEFENSES) - {"none"} == set(DEFENSES)


def _labels_of(attack: str) -> set[str]:
    return set(ATTACKS[attack].model_fields["labels"].annotation.__args__)


def _run(attack: str, model: dict, labels: str, defenses: list, size: int = 12) -> None:
    asked = experiment(
        attack={"kind": attack, "labels": labels, **TINY_ATTACKS[attack]}, model=model, defenses=defenses, size=size,
        channels=3,
    )  # fmt: skip
    foreseen = [p.reason for p in problems(asked) if p.fatal]
    assert not foreseen or attack in CLOSED or (labels == "iterative" and asked.model.one_logit)
    try:
        built, pictures = machine(asked)
        state, step = advance(built, built.init(0), 60 if attack in CLOSED else 2)
    except Refused as refusal:
        _one_sentence(str(refusal), asked, foreseen)
        return
    assert not foreseen and (step.done or attack in OPEN)
    assert step.images.shape[1:] == pictures.shape and step.labels.shape[1] == 1
    answer, found = built.answer(state)
    assert torch.isfinite(answer).all() and found.shape == (1,)
    assert set(built.residual(state)) == set(
        built.problem.update.tensors if hasattr(built, "problem") else built.update.tensors
    )


def _one_sentence(refusal: str, asked: Experiment, foreseen: list[str]) -> None:
    """And the one that was given before anything ran, but for what only the update itself tells."""
    assert refusal.count("\n") == 0 and len(refusal) > 20
    if foreseen:
        assert foreseen == [refusal.replace("this network is not drawn", f"{asked.model.title} is not drawn")]
    elif asked.attack.kind in CLOSED:
        assert asked.defenses and ("no logit fits" in refusal or "zero" in refusal)


BATCHES = {"auto", "row_sum", "iterative"}  # read a single label as the others do: once for each network
DEAR = "protective_direction"  # hundreds of Jacobian products for each round: on the smallest networks only
ROWS = [
    row for row in itertools.product(TINY_ATTACKS, TINY_MODELS, TINY_DEFENSES) if row[2] != DEAR or row[1] in ("lenet", "mlp")
]  # fmt: skip


@pytest.mark.parametrize(("attack", "model", "defenses"), ROWS)
def test_runs_or_refuses(attack, model, defenses):
    strategies = sorted(_labels_of(attack) - (BATCHES if defenses != "none" else set()))
    for labels in strategies[: 1 if defenses == DEAR else None]:
        _run(attack, TINY_MODELS[model], labels, TINY_DEFENSES[defenses])


@pytest.mark.parametrize("attack", OPEN)
def test_a_batch_of_pictures_runs_with_known_labels(attack):
    asked = experiment(
        samples=["bundled/faces:0", "bundled/faces:150"],
        attack={"kind": attack, "labels": "known", **TINY_ATTACKS[attack]},
    )
    built, pictures = machine(asked)
    _, step = advance(built, built.init(0), 2)
    assert step.images.shape[1:] == pictures.shape and pictures.shape[0] == 2


@pytest.mark.parametrize("attack", OPEN)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_both_batch_norm_modes_run(attack, mode):
    asked = experiment(
        samples=["bundled/faces:0", "bundled/faces:150"], size=12, model=TINY_MODELS["convnet"],
        client={"kind": "fedsgd", "batch_norm": mode}, attack={"kind": attack, "labels": "known", **TINY_ATTACKS[attack]},
    )  # fmt: skip
    built, _ = machine(asked)
    state, _ = advance(built, built.init(0), 1)
    assert torch.isfinite(built.answer(state)[0]).all()


@pytest.mark.parametrize("labels", LABELS)
def test_one_label_cannot_be_read_from_two_pictures(labels):
    asked = (
        experiment(
            samples=["bundled/faces:0", "bundled/faces:150"], attack={"kind": "levenberg_marquardt", "labels": labels}
        )
        if labels != "joint"
        else experiment(samples=["bundled/faces:0", "bundled/faces:150"], attack={"kind": "dlg"})
    )
    fatal = [p for p in problems(asked) if p.fatal]
    assert bool(fatal) == (labels in ("idlg", "observed_delta"))


@pytest.mark.parametrize(("attack", "model"), list(itertools.product(CLOSED, LARGE)))
def test_large_networks_are_refused_by_recursions(attack, model):
    reasons = [
        p.reason for p in problems(experiment(attack={"kind": attack}, model={"kind": model}, size=64)) if p.fatal
    ]
    assert len(reasons) == 1 and ("not drawn as a chain" in reasons[0] or reasons[0].startswith("layer "))


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "model"), list(itertools.product(OPEN, LARGE)))
def test_large_networks_run(attack, model):
    settings = (
        {"kind": model, "stem": "cifar"}
        if model.startswith("resnet1") or model in ("resnet34", "resnet50")
        else {"kind": model}
    )
    _run(attack, settings, "known" if attack != "levenberg_marquardt" else "observed_delta", [], size=32)
