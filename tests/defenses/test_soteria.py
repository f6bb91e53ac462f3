"""Soteria: its scores, what it clears, what stays exact, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gi_core import data
from gi_core.defenses.soteria import sensitivity
from gi_core.settings import SpecError
from tests.defenses.test_representation import DEFENSES, MLP, TWO, played, reasons, same
from tests.victims import experiment


def test_soteria_scores_are_those_of_the_whole_jacobian():
    draw = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 3))
    for p in model.parameters():
        p.data = 0.3 * torch.randn(p.shape, generator=draw)
    x = torch.randn(5, 3, 2, 2, generator=draw)
    wanted = []
    for picture in x:
        features = model[:3](picture[None])[0]
        jacobian = torch.autograd.functional.jacobian(lambda p: model[:3](p[None])[0], picture).flatten(1)
        wanted.append((features.abs() / jacobian.norm(dim=1)).detach())
    for picture, scores in zip(x, wanted, strict=True):
        torch.testing.assert_close(sensitivity(model, "3", picture[None], draw), scores)
    probed = torch.stack([sensitivity(model, "3", x, draw) for _ in range(20)])
    torch.testing.assert_close(probed.mean(0), torch.stack(wanted).mean(0), rtol=0.05, atol=0)
    assert 0 < float((probed.std(0) / probed.mean(0)).max()) < 0.25


def test_soteria_probes_a_batch_through_batch_norm_of_its_own():
    client = {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"}
    found = played(samples=TWO, size=12, model={"kind": "convnet", "width": 2, "depth": 2}, client=client,
                   defenses=[DEFENSES["soteria"]])  # fmt: skip
    assert all(torch.equal(t, found.clean.statistics[k]) for k, t in found.update.statistics.items())
    kept = next(iter(found.knowledge.defenses[0]["mask"].values()))
    assert 0 < int((~kept[0]).sum()) == len(kept[0]) // 2


def test_soteria_clears_the_share_with_the_largest_scores_and_nothing_else():
    found = played(model=MLP, defenses=[{"kind": "soteria", "fraction": 0.5}])
    known = found.knowledge.defenses[0]
    name = f"{known['layer']}.weight"
    kept = known["mask"][name]
    assert list(known["mask"]) == [name] and kept.shape == found.update.tensors[name].shape
    assert int((~kept[0]).sum()) == 3 and (kept == kept[0]).all()
    for key, tensor in found.clean.tensors.items():
        expected = tensor * kept if key == name else tensor
        assert torch.equal(found.update.tensors[key], expected)
    scores = sensitivity(found.knowledge.model, known["layer"], _inputs(found), torch.Generator())
    assert scores[~kept[0]].min() >= scores[kept[0]].max()


def _inputs(found):
    asked = experiment(model=MLP)
    return torch.from_numpy(data.load(asked).images)


def test_soteria_keeps_cleared_weights_where_they_were_in_every_step():
    client = {"kind": "fedavg", "epochs": 3, "batch_size": 1, "optimiser": "adam"}
    found = played(samples=TWO, model=MLP, client=client, defenses=[{"kind": "soteria", "fraction": 0.5}])
    ((name, kept),) = found.knowledge.defenses[0]["mask"].items()
    assert torch.all(found.update.tensors[name][~kept] == 0) and torch.all(found.clean.tensors[name][~kept] != 0)


def test_soteria_of_strength_zero_is_no_defense():
    found = played(defenses=[{"kind": "soteria", "fraction": 0}])
    assert same(found.update, found.clean) and "mask" not in found.knowledge.defenses[0]


def test_soteria_refuses_pixels_and_unknown_layers():
    assert "pixels" in reasons(model={"kind": "linear"}, defenses=[{"kind": "soteria"}])[0]
    with pytest.raises(SpecError, match="is none of this network"):
        played(model=MLP, defenses=[{"kind": "soteria", "layer": "nowhere"}])
    first = next(iter(played(model=MLP).update.tensors)).removesuffix(".weight")
    with pytest.raises(SpecError, match="pixels"):
        played(model=MLP, defenses=[{"kind": "soteria", "layer": first}])
