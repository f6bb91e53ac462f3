"""gi.attack on networks as people write them: whatever form the gradients have, the same picture comes back."""

from __future__ import annotations

import copy
import signal
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gi_core as gi
from tests.api.nets import LM, SHAPE, Normed, attacked, gradients, named, picture, psnr, smooth


@pytest.fixture(autouse=True)
def home(gi_home):
    return gi_home


FORMS = {
    "a sequence": lambda m, x: gradients(m, x),
    "a tuple of arrays": lambda m, x: tuple(g.numpy() for g in gradients(m, x)),
    "a dictionary in any order": lambda m, x: dict(reversed(named(m, x).items())),
    "pairs": lambda m, x: list(named(m, x).items()),
    "behind DistributedDataParallel": lambda m, x: {f"module.{k}": v for k, v in named(m, x).items()},
    "behind torch.compile": lambda m, x: {f"_orig_mod.{k}": v for k, v in named(m, x).items()},
    "behind both": lambda m, x: {f"module._orig_mod.{k}": v for k, v in named(m, x).items()},
    "parameters": lambda m, x: {k: nn.Parameter(v) for k, v in named(m, x).items()},
    "with a graph": lambda m, x: [g * torch.ones((), requires_grad=True) for g in gradients(m, x)],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_gradients_is_the_same_update(form):
    model, x = smooth(), picture()
    result = attacked(model, FORMS[form](model, x))
    assert psnr(result, x) > 60 and result.matched and result.labels.tolist() == [3]


def test_gradients_of_the_module_itself():
    model, x = smooth(), picture()
    F.cross_entropy(model(x), torch.tensor([3])).backward()
    assert psnr(attacked(model, model), x) > 60
    assert psnr(attacked(nn.DataParallel(model), {n: p.grad for n, p in model.named_parameters()}), x) > 60


def test_the_module_is_left_as_it_was():
    model, x = Normed(), picture()
    model.train()
    F.cross_entropy(model(torch.cat([x, x])), torch.tensor([3, 1])).backward()
    before, kept = copy.deepcopy(model.state_dict()), [p.grad.clone() for p in model.parameters()]
    torch.manual_seed(5)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    attacked(model, model, images=2, attack="inverting_gradients:iterations=2,trials=2")
    assert torch.equal(torch.rand(3), drawn), "the global generator was not drawn from"
    assert model.training and all(m.training for m in model.modules())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, g) and p.requires_grad for p, g in zip(model.parameters(), kept, strict=True))


def test_double_and_half_precision():
    model, x = smooth(), picture()
    wide = copy.deepcopy(model).double()
    exact = attacked(wide, gradients(wide, x.double()))
    half = attacked(model, [g.half() for g in gradients(model, x)])
    assert psnr(exact, x) > 100 > psnr(half, x) > 20
    assert half.document["attacker"]["precision"] > 1e-5 > exact.document["attacker"]["precision"]


def test_frozen_parameters_are_not_asked_for():
    model, x = smooth(), picture()
    model[0].requires_grad_(False)
    for update in (gradients(model, x), named(model, x)):
        result = attacked(model, update)
        assert "0.weight and 1 more is frozen" in " ".join(result.notices)
        assert result.matched
    by_name = named(smooth(), x) | {"0.bias": None}
    assert "0.bias has no gradient (None)" in " ".join(attacked(smooth(), by_name).notices)


def test_a_parameter_that_layers_share():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(768, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 5)
    )
    model[3].weight = nn.Parameter(torch.randn(64, 64) / 8)
    model.extra = nn.Sigmoid()
    twice = nn.Sequential(*model[:4], nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 5))
    twice[5].weight = twice[3].weight
    x = picture()
    by_name = named(twice, x)
    assert "5.weight" not in by_name
    for update in (by_name, by_name | {"5.weight": by_name["3.weight"]}, gradients(twice, x)):
        assert attacked(twice, update).matched


@pytest.mark.parametrize("attack", [LM, "inverting_gradients:iterations=150,precision=float64"])
def test_a_loss_of_ones_own(attack):
    model, x, target = smooth(), picture(), torch.tensor([[0.2, -0.1, 0.4, 0.0, 0.5]])
    calls = []

    def loss(outputs, targets):
        calls.append(targets.dtype)
        return F.smooth_l1_loss(outputs, targets)

    update = torch.autograd.grad(loss(model(x), target), list(model.parameters()))
    result = attacked(model, update, loss=loss, labels=target, attack=attack)
    assert result.labels is None
    assert psnr(result, x) > (60 if attack == LM else 20)
    assert torch.float64 in calls


def test_a_loss_of_ones_own_without_targets():
    """dL/dlogits of one picture is in the last bias, whatever the loss."""
    model, x = smooth(), picture()
    update = torch.autograd.grad(model(x).exp().mean(), list(model.parameters()))
    result = attacked(model, update, loss=lambda outputs, targets: outputs.exp().mean())
    assert psnr(result, x) > 60 and result.labels is None


def test_a_state_dicts_difference_with_its_schedule():
    model, x = smooth(), picture()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(x), torch.tensor([3])).backward()
    optimiser.step()
    change = {k: v - before[k] for k, v in model.state_dict().items()}
    model.load_state_dict(before)
    result = attacked(model, change, client="fedavg:learning_rate=0.1", attack=LM)
    assert psnr(result, x) > 40


def test_batch_norm_in_training_mode_is_taken_from_the_module():
    model, x = Normed(), picture(images=2)
    update = gradients(model.train(), x, torch.tensor([3, 1]))
    result = attacked(model, update, images=2, labels=[3, 1], attack="inverting_gradients:iterations=3,trials=1")
    assert result.experiment.client.batch_norm == "train"
    assert "batch norm is taken to have used the batch's own statistics" in " ".join(result.notices)
    told = attacked(model, update, images=2, batch_norm="eval", attack="inverting_gradients:iterations=3,trials=1")
    assert told.experiment.client.batch_norm == "eval"


def test_the_strongest_attack_that_applies():
    x = picture()
    result = attacked(smooth(), gradients(smooth(), x), attack="auto")
    assert result.matched and psnr(result, x) > 60 and result.attack == "auto"
    assert any(text.startswith("analytic_linear: refused, ") for text in result.tried)
    torch.manual_seed(3)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(768, 50), nn.ReLU(), nn.Linear(50, 5))
    result = attacked(dense, gradients(dense, x), attack="auto")
    assert result.tried[0].startswith("analytic_linear") and result.tried[0].endswith("kept") and psnr(result, x) > 90
    torch.manual_seed(0)
    normed = Normed().eval()
    result = attacked(normed, gradients(normed, x), attack="auto:iterations=300")
    assert [text.partition(":")[0] for text in result.tried if "left unexplained" in text][
        -1
    ] == "fl_gradient_inversion"
    left_out = " ".join(text.partition(": refused, ")[0] for text in result.tried if ": refused, " in text)
    assert all(kind in left_out for kind in ("analytic_linear", "transformer")), result.tried


def test_seeds_and_plans_repeat_a_run():
    model, x = smooth(), picture()
    update = gradients(model, x)
    how = {"attack": "inverting_gradients:iterations=20,trials=2"}
    one = attacked(model, update, seed=4, **how)
    again = attacked(model, update, seed=4, plan=one.plan, **how)
    other = attacked(model, update, seed=5, plan=one.plan, **how)
    assert torch.equal(one.images, again.images) and not torch.equal(one.images, other.images)


def test_a_callback_sees_each_step_and_may_end_it():
    model, x = smooth(), picture()
    seen: list[gi.Watched] = []
    attacked(model, gradients(model, x), callback=seen.append, attack="dlg:iterations=5")
    assert [w.iteration for w in seen] == [1, 2, 3, 4, 5]
    assert seen[0].images.shape == (1, 16, 16, 3) and seen[0].images.dtype == np.uint8
    result = attacked(model, gradients(model, x), callback=lambda w: w.iteration < 3, attack="dlg:iterations=50")
    assert result.status == "cancelled" and result.document["iterations"] == 3


def test_control_c_returns_the_best_so_far():
    model, x = smooth(), picture()

    def press(watched):
        if watched.iteration == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    result = attacked(model, gradients(model, x), callback=press, attack="dlg:iterations=5000")
    assert result.status == "cancelled" and 4 <= result.document["iterations"] <= 6
    assert result.images.shape == (1, *SHAPE) and signal.getsignal(signal.SIGINT) is before


def test_in_a_thread_of_somebody_elses():
    model, x = smooth(), picture()
    found: list = []
    thread = threading.Thread(
        target=lambda: found.append(attacked(model, gradients(model, x), attack="dlg:iterations=2"))
    )
    thread.start()
    thread.join()
    assert found and found[0].status == "done"


def test_a_run_is_kept_on_request_and_opened_again():
    from gi_core.jobs.store import Store

    model, x = smooth(), picture()
    passing = attacked(model, gradients(model, x))
    assert passing.run_id == "" and passing.document["out"] == "" and not list(Store().jobs())
    kept = attacked(model, gradients(model, x), store=True)
    job = Store().job(kept.run_id)
    assert job is not None and job.state == "done" and job.spec["model"]["kind"] == "own"
    again = gi.open_run(kept.run_id)
    assert torch.equal(again.images, kept.images) and again.residual == kept.residual


def test_what_a_result_shows(tmp_path):
    model, x = smooth(), picture()
    result = attacked(model, gradients(model, x))
    assert "residual" in repr(result) and "levenberg_marquardt" in repr(result)
    html = result._repr_html_()
    assert "data:image/png;base64," in html and "<script" not in html and "whether it is the picture only" in html
    folder = result.save(tmp_path / "out")
    assert {"result.json", "reconstruction.npz", "reconstruction.png", "experiment.json"} <= {
        p.name for p in folder.iterdir()
    }
    assert result.figure().data and result.figure("residuals", theme="dark").data
