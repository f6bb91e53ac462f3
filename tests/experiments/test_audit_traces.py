"""A defense that is described counts in an audit only by its own trace: cells of a rounding, the span of a direction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gi_core.attacks.explaining import floor
from gi_core.defenses.protective_direction import ProtectiveDirection
from gi_core.defenses.quantisation import quantise
from gi_core.experiments.audit import doubts
from gi_core.experiments.fit.describing import own
from gi_core.networks.trainable import client_model
from gi_core.settings.noise_defenses import ProtectiveDirection as ProtectiveSettings
from gi_core.types.updates import Update
from tests.update_files.sent import asked, gradient, network, pictures, trained

torch.set_num_threads(1)
NET = network("lenet")
MINE = pictures(1, 16).numpy().astype(np.float64)
TRUE = {k: torch.from_numpy(v) for k, v in gradient(NET).items()}


def found(folder, update, defense, label=3, **values):
    question = asked(
        folder, NET, {k: v.numpy() for k, v in update.items()}, defenses=[defense], labels=[label], **values
    )
    return own(question, MINE), floor(question.round.update, question.round.knowledge)


def verdict(told, limits, rest: float) -> str:
    """What an audit says of an answer that leaves `rest`."""
    precision, tolerance = limits
    return doubts({"tolerance": tolerance, "unexplained": rest, "precision": precision, "noise": precision}, told)


def quantised(bits: int) -> dict[str, torch.Tensor]:
    return {k: quantise(t, bits) for k, t in TRUE.items()}


@pytest.mark.parametrize("bits", [3, 4, 6, 8])
def test_a_quantisation_that_is_there(tmp_path, bits):
    told, limits = found(tmp_path, quantised(bits), {"kind": "quantisation", "bits": bits})
    assert told["missing"] == "" and not verdict(told, limits, told["unexplained"])
    # An answer that leaves twice what the private picture does has not explained the update, however coarse the cells.
    assert "left" in verdict(told, limits, 2 * told["unexplained"])


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_a_quantisation_that_is_not_there(tmp_path, bits):
    told, limits = found(tmp_path, TRUE, {"kind": "quantisation", "bits": bits})
    assert "not rounded as described" in told["missing"] and "not there" in verdict(told, limits, 1e-7)
    told, limits = found(tmp_path, quantised(8), {"kind": "quantisation", "bits": bits})
    assert "not rounded as described" in told["missing"], "of other cells"


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_another_label_within_the_length_of_a_quantisation(tmp_path, bits):
    told, _ = found(tmp_path, quantised(bits), {"kind": "quantisation", "bits": bits}, label=1)
    assert "half a cell" in told["missing"]


@pytest.mark.parametrize("bits", ["float16", "bfloat16"])
def test_half_precision(tmp_path, bits):
    known = {"kind": "half_precision", "format": bits}
    rounded = {k: t.to(getattr(torch, bits)).float() for k, t in TRUE.items()}
    assert found(tmp_path, rounded, known)[0]["missing"] == ""
    assert "not rounded" in found(tmp_path, TRUE, known)[0]["missing"]
    assert "half a cell" in found(tmp_path, rounded, known, label=1)[0]["missing"]


def test_whole_weights_in_16_bits(tmp_path):
    given = {k: torch.from_numpy(v).bfloat16().float() for k, v in trained(NET).items()}
    for label, missing in ((3, ""), (1, "half a cell")):
        question = asked(
            tmp_path, NET, {k: v.numpy() for k, v in given.items()}, labels=[label],
            client={"kind": "fedavg", "learning_rate": 0.05},
        )  # fmt: skip
        assert missing in own(question, MINE)["missing"] and bool(missing) is bool(own(question, MINE)["missing"])


@pytest.mark.parametrize(
    "sent, says",
    [("direction", ""), ("noise", "span"), ("other picture", "span"), ("nothing", "and 0.1 as described")],
)
def test_a_protective_direction_is_looked_for_in_its_span(tmp_path, sent, says):
    """The sign and the start of the search for it are the client's own, so its seed is another one."""
    x, labels = pictures(1, 16), torch.tensor([3])
    true = gradient(NET)
    update = Update({k: torch.from_numpy(v) for k, v in true.items()}, 1)
    defense = ProtectiveDirection(ProtectiveSettings(strength=0.1), torch.Generator().manual_seed(77))
    added = {
        "direction": defense.local_round(lambda *_: update)(NET.eval(), x, labels).tensors,
        "noise": {k: t + torch.randn(t.shape, generator=torch.Generator().manual_seed(1)) for k, t in TRUE.items()},
        "other picture": {},
        "nothing": TRUE,
    }[sent]
    if sent == "other picture":
        net = client_model(NET, "eval")
        F.cross_entropy(net(1 - x), labels).backward()
        added = {name: p.grad for name, p in net.named_parameters()}
    if sent in ("noise", "other picture"):  # of the length as described
        apart = {k: added[k] - t for k, t in TRUE.items()}
        size = sum(float(a.double().square().sum()) for a in apart.values()) ** 0.5
        added = {k: TRUE[k] + apart[k] * (0.1 * update.norm() / size) for k in apart}
    told, _ = found(tmp_path, added, {"kind": "protective_direction", "strength": 0.1})
    assert (says in told["missing"]) and bool(says) is bool(told["missing"]), told


def test_signs_alone_cannot_be_checked():
    attacker = {"tolerance": None, "unexplained": None, "precision": None, "noise": None}  # infinite, as JSON has it
    assert "one bit" in doubts(attacker, None) and "one bit" in doubts(attacker, {"unexplained": 0.1, "causes": []})
