"""LPIPS with stand-in weights, without weights, with bad weights; fetching them, offline too."""

from __future__ import annotations

import errno
import hashlib
import pickle

import numpy as np
import pytest
import torch

from gi_core import metrics
from gi_core.common.paths import data_home
from gi_core.metrics import fetch as fetching
from gi_core.metrics import perceptual
from gi_core.settings import SpecError

torch.set_num_threads(1)
SHAPES = {"0": (64, 3, 11), "3": (192, 64, 5), "6": (384, 192, 3), "8": (256, 384, 3), "10": (256, 256, 3)}


def stand_in() -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    state = {"classifier.1.weight": torch.zeros(2, 2)}
    for layer, (out, inp, k) in SHAPES.items():
        state[f"features.{layer}.weight"] = torch.randn(out, inp, k, k, generator=g) / (inp * k * k) ** 0.5
        state[f"features.{layer}.bias"] = torch.zeros(out)
    return state


@pytest.fixture
def weights(gi_home):
    path = data_home() / "lpips" / "alexnet-owt-7be5be79.pth"
    path.parent.mkdir(parents=True)
    torch.save(stand_in(), path)
    return path


def pictures(n=2, channels=3, side=64):
    return np.random.default_rng(0).random((n, channels, side, side))


def test_absent_weights_give_none_and_the_command(gi_home):
    got = metrics.evaluate(pictures(), pictures())["metrics"]
    assert got["lpips"] is None and "python -m gi_core fetch lpips" in got["lpips_note"]


def test_value_against_the_formula(weights):
    a, b = pictures(), np.clip(pictures() + 0.1, 0, 1)
    values, note = perceptual.distances(a, b)
    assert note == ""
    expected = by_hand(a, b)
    assert values == pytest.approx(expected, rel=1e-4) and values[0] > 0
    assert perceptual.distances(a, a)[0] == pytest.approx([0, 0], abs=1e-6)


def by_hand(a, b):
    import lpips

    state = stand_in()
    file = lpips.__file__.replace("__init__.py", "weights/v0.1/alex.pth")
    linear = torch.load(file, map_location="cpu", weights_only=True)
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    total = 0
    x = [(2 * torch.tensor(p, dtype=torch.float32) - 1 - shift) / scale for p in (a, b)]
    for i, (layer, (_, _, k)) in enumerate(SHAPES.items()):
        if layer in ("3", "6"):
            x = [torch.max_pool2d(t, 3, 2) for t in x]
        stride, padding = (4, 2) if k == 11 else (1, k // 2)
        w, bias = state[f"features.{layer}.weight"], state[f"features.{layer}.bias"]
        x = [torch.relu(torch.conv2d(t, w, bias, stride, padding)) for t in x]
        unit = [t / (t.norm(dim=1, keepdim=True) + 1e-10) for t in x]
        difference = (unit[0] - unit[1]) ** 2
        total += (difference * linear[f"lin{i}.model.1.weight"].view(1, -1, 1, 1)).sum(1).mean((1, 2))
    return total.tolist()


def test_small_and_grey_pictures_are_enlarged_and_it_says_so(weights):
    a = pictures(2, 1, 28)
    got = metrics.evaluate(a * 0.8, a)["metrics"]
    assert got["lpips"] > 0 and got["lpips_note"] == "pictures enlarged from 28 to 64 pixels for LPIPS"


def test_construction_leaves_the_global_generator_alone(weights):
    perceptual._network.cache_clear()
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    perceptual.distances(pictures(), pictures())
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_file_that_is_not_alexnet_is_named(weights):
    torch.save({"features.0.weight": torch.zeros(1)}, weights)
    values, note = perceptual.distances(pictures(), pictures())
    assert values is None and "does not hold AlexNet's weights" in note and "fetch lpips" in note
    weights.write_bytes(b"not a file of tensors")
    assert "cannot be read" in perceptual.distances(pictures(), pictures())[1]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_weights_file_is_not_run(weights, tmp_path):
    trap = tmp_path / "trap"

    class Evil:
        def __reduce__(self):
            return (open, (str(trap), "w"))

    weights.write_bytes(pickle.dumps(Evil()))
    assert perceptual.distances(pictures(), pictures())[0] is None
    assert not trap.exists()


def test_fetch_keeps_only_what_is_used(gi_home, tmp_path):
    source = tmp_path / "alexnet-owt-x.pth"
    torch.save(stand_in(), source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    seen: list[float] = []
    path = fetching.fetch(lambda f, text: seen.append(f), source.as_uri(), digest[:8])
    assert seen == sorted(seen) and seen[-1] == 1 and perceptual.weights_file() == path
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name], "no remains of the download"
    assert metrics.evaluate(pictures(), pictures())["metrics"]["lpips"] == pytest.approx(0, abs=1e-6)


def test_fetch_refuses_in_one_sentence(gi_home, tmp_path, monkeypatch):
    source = tmp_path / "alexnet-owt-x.pth"
    torch.save(stand_in(), source)
    with pytest.raises(SpecError, match="arrived damaged"):
        fetching.fetch(url=source.as_uri(), sha256="0000")
    with pytest.raises(SpecError, match="cannot reach 127.0.0.1:9"):
        fetching.fetch(url="http://127.0.0.1:9/alexnet.pth")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(SpecError, match="No space left on device"):
        fetching.fetch(url=source.as_uri(), sha256="")
    assert not (data_home() / "lpips" / perceptual.FEATURES).exists()


def test_a_damaged_file_put_there_by_hand_is_named(weights):
    weights.write_bytes(b"half a download")
    with pytest.raises(SpecError, match="cannot be read .*: delete it and fetch it again"):
        fetching.fetch()
