"""Every attack x model x label strategy x defense runs a few iterations or refuses with a reason."""

from __future__ import annotations

import itertools

import pytest
import torch

from gi_core.attacks import Refused
from gi_core.settings import ATTACKS, DEFENSES, MODELS, Experiment, SpecError, problems
from gi_core.settings.attacks import ClosedForm
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
_DEFENSES = {
    "none": [],
    "gaussian_noise": [{"kind": "gaussian_noise", "std": 1e-3}],
    "laplace_noise": [{"kind": "laplace_noise", "scale": 1e-3}],
    "percentile_noise": [{"kind": "percentile_noise", "sigma0": 1e-2}],
    "protective_direction": [{"kind": "protective_direction"}],
    "clipping": [{"kind": "clipping", "norm": 0.1}],
    "dp_sgd": [{"kind": "dp_sgd", "noise_multiplier": 1e-3}],
    "pruning": [{"kind": "pruning", "fraction": 0.5}],
    "random_pruning": [{"kind": "random_pruning", "kept": 0.5}],
    "top_k": [{"kind": "top_k", "kept": 0.5, "rounds": 1}],
    "quantisation": [{"kind": "quantisation", "bits": 4}],
    "half_precision": [{"kind": "half_precision"}],
    "withheld_layers": [{"kind": "withheld_layers", "which": "first", "count": 1}],
    "soteria": [{"kind": "soteria"}],
    "precode": [{"kind": "precode", "features": 4}],
    "mixing": [{"kind": "mixing"}],
}
TINY_DEFENSES = {kind: _DEFENSES.get(kind, [{"kind": kind}]) for kind in ("none", *DEFENSES)}
LABELS = ("known", "auto", "idlg", "bias_sign", "row_sum", "iterative", "joint", "observed_delta")
_ATTACKS = {
    "auto": {"iterations": 4},
    "dlg": {"iterations": 2, "inner": 3, "trials": 2},
    "idlg": {"iterations": 2, "inner": 3, "trials": 1},
    "inverting_gradients": {"iterations": 2, "trials": 2},
    "levenberg_marquardt": {"iterations": 1, "krylov": 8, "restarts": 0},
    "analytic_linear": {},
    "rgap": {},
    "peeling": {"matching": 1},
    "rgap_hybrid": {"matching": 1},
    "residual": {"annealing": 5, "rounds": 1},
    "transformer": {"rounds": 2},
    "spear": {"proposals": 1000, "starts": 32, "inversion": 10},
    "trained_part": {"inversion": 3},
    "fl_gradient_inversion": {"iterations": 2},
    "grad_inversion": {"iterations": 2, "trials": 2},
}
TINY_ATTACKS = {kind: _ATTACKS.get(kind, {}) for kind in ATTACKS}
"""Every kind there is: a new one runs at its defaults until it has a row."""
_NORMED = {"activation": "relu", "batch_norm": True, "stride": 2}
_FITTING = {
    "analytic_linear": {"model": {"kind": "mlp", "hidden": 8}},
    "spear": {"model": {"kind": "mlp", "hidden": 32}},
    "trained_part": {"model": {"kind": "mlp", "hidden": 8}, "client": {"kind": "fedsgd", "trains": "head"}},
    "imprint": {
        "model": {"kind": "lenet", "width": 3, "init": "uniform"}, "server": {"kind": "imprint", "bins": 8}
    },
    "residual": {
        "model": {
            "kind": "custom",
            "layers": [
                {"kind": "conv", "channels": 8, **_NORMED}, {"kind": "residual", "channels": 16, **_NORMED},
                {"kind": "global_average"},
            ],
        },
    },
    "transformer": {"model": {"kind": "vit", "hidden": 48, "heads": 2, "depth": 1, "patch": 4}, "channels": 3},
}  # fmt: skip
_LENET = {"model": {"kind": "lenet", "width": 3, "init": "uniform"}}
FITTING = {kind: _FITTING.get(kind, _LENET) for kind in ATTACKS}
"""Of each attack, a small network that it goes through."""
CLOSED = tuple(kind for kind, cls in ATTACKS.items() if issubclass(cls, ClosedForm))
OPEN = tuple(kind for kind in ATTACKS if kind not in CLOSED)

SINGLE = tuple(kind for kind in OPEN if kind != "auto")
"""Members of the ensemble that iterate, tried one by one."""


def test_the_table_knows_everything_that_can_be_asked():
    assert set(_ATTACKS) <= set(ATTACKS) and set(_DEFENSES) - {"none"} <= set(DEFENSES), "a row of what is gone"
    assert set(TINY_MODELS) | set(LARGE) == set(MODELS)
    assert (
        set(CLOSED)
        == {
            "analytic_linear",
            "rgap",
            "peeling",
            "rgap_hybrid",
            "residual",
            "transformer",
            "spear",
            "imprint",
            "trained_part",
        }
        & set(ATTACKS)
        and len(OPEN) >= 6
    )


def _labels_of(attack: str) -> set[str]:
    return set(ATTACKS[attack].model_fields["labels"].annotation.__args__)


def _run(attack: str, model: dict, labels: str, defenses: list, size: int = 12, client: dict | None = None) -> None:
    asked = experiment(
        attack={"kind": attack, "labels": labels, **TINY_ATTACKS[attack]}, model=model, defenses=defenses, size=size,
        channels=3, client=client or {"kind": "fedsgd"},
    )  # fmt: skip
    foreseen = [p.reason for p in problems(asked) if p.fatal]
    assert not foreseen or attack in CLOSED or defenses or (labels == "iterative" and asked.model.one_logit)
    try:
        built, pictures = machine(asked)
        state, step = advance(built, built.init(0), 60 if attack in CLOSED else 2)
    except (Refused, SpecError) as refusal:
        _one_sentence(str(refusal), asked, foreseen)
        return
    assert (not foreseen or defenses) and (step.done or attack in OPEN)
    assert step.images.shape[1:] == pictures.shape and step.labels.shape[1] == 1
    answer, found = built.answer(state)
    assert torch.isfinite(answer).all() and found.shape == (1,)
    update = built.problem.update if hasattr(built, "problem") else built.update
    assert set(built.residual(state)) == set(update.tensors) - set(update.withheld)


def _one_sentence(refusal: str, asked: Experiment, foreseen: list[str]) -> None:
    """And the one that was given before anything ran, but for what only the update itself tells."""
    assert refusal.count("\n") == 0 and len(refusal) > 20
    if foreseen:
        drawn = refusal.replace("this network is not drawn", f"{asked.model.title} is not drawn")
        assert drawn in foreseen or asked.defenses
    elif asked.attack.kind in CLOSED:
        assert asked.defenses and any(words in refusal for words in TOLD), refusal


TOLD = ("no logit fits", "zero", "was not sent", "cannot be told from this update")
"""What only the update itself tells a recursion."""
SLOW = ("resnet20", "vit", "cnn6_d")  # their last layers are read as those of the others are


@pytest.mark.parametrize(("attack", "model"), list(itertools.product(TINY_ATTACKS, TINY_MODELS)))
def test_every_network_with_every_label_strategy_runs_or_refuses(attack, model):
    offered = _labels_of(attack)
    for labels in sorted(offered & {"auto", "infer"} if model in SLOW else offered):
        _run(attack, TINY_MODELS[model], labels, [])
    if model == "lenet":
        for labels in sorted(offered):
            _run(attack, TINY_MODELS[model], labels, TINY_DEFENSES["gaussian_noise"])


def _round(attack: str, sent: str) -> dict:
    """A gradient, or a weight change of as many steps as the attack can go through."""
    if sent == "gradient":
        return {"kind": "fedsgd"}
    return {"kind": "fedavg", "epochs": 2 if attack in OPEN and attack != "levenberg_marquardt" else 1}


@pytest.mark.parametrize("sent", ["gradient", "weight change"])
@pytest.mark.parametrize(
    ("attack", "defense"), list(itertools.product(TINY_ATTACKS, sorted(set(TINY_DEFENSES) - {"none"})))
)
def test_every_defense_against_every_attack_runs_or_refuses(attack, defense, sent):
    labels = "joint" if attack == "dlg" else "infer" if "infer" in _labels_of(attack) else "auto"
    for model in ("lenet", "mlp"):
        _run(attack, TINY_MODELS[model], labels, TINY_DEFENSES[defense], client=_round(attack, sent))


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


@pytest.mark.parametrize(
    ("attack", "model"),
    [
        pair
        for pair in itertools.product(CLOSED, LARGE)
        if pair not in (("residual", "resnet18"), ("residual", "resnet34"))
    ],
)
def test_large_networks_are_refused_by_recursions(attack, model):
    reasons = [
        p.reason for p in problems(experiment(attack={"kind": attack}, model={"kind": model}, size=64)) if p.fatal
    ]
    said = (
        "not drawn as a chain",
        "layer ",
        "the last feature map has",
        "adds no positions",
        "a dense layer with ReLU",
        "reads rows that a server prepared",
        "trains all of the network",
    )
    assert len(reasons) == 1 and any(words in reasons[0] for words in said)


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "model"), list(itertools.product(SINGLE, LARGE)))
def test_large_networks_run(attack, model):
    settings = (
        {"kind": model, "stem": "cifar"}
        if model.startswith("resnet1") or model in ("resnet34", "resnet50")
        else {"kind": model}
    )
    _run(attack, settings, "known" if attack != "levenberg_marquardt" else "observed_delta", [], size=32)
