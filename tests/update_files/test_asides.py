"""Single values beside an update's tensors, as clients write them: left out and said, whatever the file, prefix or kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gi_core import networks
from gi_core.experiments.recorded.inspecting import answer
from gi_core.settings import SpecError
from gi_core.settings import networks as M
from gi_core.settings.recorded_round import Recorded
from gi_core.tensor_files.weights import read_state
from gi_core.update_files.round import read_update
from gi_core.update_files.writing import write_safetensors

NETWORK = networks.build(M.LeNet(width=2), (3, 16, 16), 5)
GRADIENT = {k: np.random.default_rng(1).normal(size=p.shape).astype(np.float32) for k, p in NETWORK.named_parameters()}
NUMBERS = {"num_examples": np.int64(17), "round": np.array(3), "lr": np.array([0.01], np.float32)}
WORDS = {"client": np.array("hospital A"), "loss": np.array(np.nan), "tag": np.array(b"x"), "ok": np.bool_(True)}


def read(path: Path, *, network=NETWORK) -> tuple[dict, dict]:
    update, info = read_update(network, Recorded(checkpoint="none.pt", update=str(path), images=1), "gradient")
    return update.tensors, info


def the_same(tensors: dict, **about) -> None:
    assert tensors.keys() == GRADIENT.keys()
    assert all(np.array_equal(tensors[k].numpy(), v) for k, v in GRADIENT.items())


@pytest.mark.parametrize("prefix", ["", "net.", "_module.model."])
@pytest.mark.parametrize("beside", [NUMBERS, NUMBERS | WORDS, {"net.step": np.array(1.0)}])
def test_single_values_in_an_archive(tmp_path, prefix, beside):
    np.savez(tmp_path / "u.npz", **{prefix + k: v for k, v in GRADIENT.items()}, **beside)
    tensors, info = read(tmp_path / "u.npz")
    the_same(tensors)
    (notice,) = info["notices"]
    assert notice.startswith("left out of u.npz: ") and all(key in notice for key in list(beside)[:6])
    assert len(notice) < 120
    found = answer({"recorded": {"update": str(tmp_path / "u.npz")}, "client": {"kind": "fedsgd"}})
    assert {layer["name"] for layer in found["layers"]} == {prefix + k for k in GRADIENT}
    assert found["notices"] == [notice] and found["finite"]


@pytest.mark.parametrize("prefix", ["", "net."])
def test_in_safetensors(tmp_path, prefix):
    write_safetensors(tmp_path / "u.safetensors", {prefix + k: v for k, v in GRADIENT.items()} | NUMBERS)
    tensors, info = read(tmp_path / "u.safetensors")
    the_same(tensors)
    assert info["notices"] == [
        "left out of u.safetensors: num_examples, round, lr, which are no tensors of the network"
    ]


@pytest.mark.parametrize("prefix", ["", "net."])
@pytest.mark.parametrize("shape", ["flat", "flower", "fedml", "nvflare", "tuple of a list"])
def test_in_a_file_of_torch(tmp_path, prefix, shape):
    state = {prefix + k: torch.from_numpy(v) for k, v in GRADIENT.items()}
    message = {
        "flat": state
        | {"num_examples": 17, "lr": 0.01, "client": "A", "done": True, "note": None, "t": torch.tensor(2)},
        "flower": {"parameters": state, "num_examples": 17, "metrics": {"loss": 0.1}},
        "fedml": (17, state),
        "nvflare": {"kind": "DXO", "data": {"data_kind": "WEIGHT_DIFF", "data": state}, "meta": {"round": 1}},
        "tuple of a list": (list(state.values()), 17, "A"),
    }[shape]
    torch.save(message, tmp_path / "u.pt")
    tensors, info = read(tmp_path / "u.pt")
    the_same(tensors)
    assert ("num_examples, lr, client, done, note, t" in " ".join(info["notices"])) is (shape == "flat")


def test_in_the_published_schema_and_beside_a_list(tmp_path):
    np.savez(tmp_path / "u.npz", weights=np.array(GRADIENT | {"num_examples": 17, "client": "A"}, dtype=object))
    tensors, info = read(tmp_path / "u.npz")
    the_same(tensors)
    assert "num_examples, client" in info["notices"][0]
    np.savez(tmp_path / "list.npz", *GRADIENT.values(), num_examples=17)
    the_same(read(tmp_path / "list.npz")[0])
    torch.save([*(torch.from_numpy(v) for v in GRADIENT.values()), 17], tmp_path / "list.pt")
    the_same(read(tmp_path / "list.pt")[0])


def test_what_may_be_a_tensor_is_none_of_them(tmp_path):
    """The bias of a single logit has one value: it is kept, and where it is missing that is said."""
    network = networks.build(M.LeNet(width=2, classes=1), (3, 16, 16), 1)
    gradient = {"net." + k: np.ones(p.shape, np.float32) for k, p in network.named_parameters()}
    np.savez(tmp_path / "u.npz", **gradient, round=3)
    tensors, _ = read(tmp_path / "u.npz", network=network)
    assert tensors["fc.bias"].shape == (1,)
    np.savez(tmp_path / "u.npz", **(gradient | {"net.fc.bias": np.full(1, np.nan, np.float32)}), round=3)
    with pytest.raises(SpecError, match="not finite in net.fc.bias"):
        read(tmp_path / "u.npz", network=network)
    del gradient["net.fc.bias"]
    np.savez(tmp_path / "u.npz", **gradient, bias_rate=3)
    with pytest.raises(SpecError, match="missing fc.bias"):
        read(tmp_path / "u.npz", network=network)


def test_what_is_no_single_value_is_still_refused(tmp_path):
    np.savez(tmp_path / "u.npz", **GRADIENT, velocity=np.zeros(3))
    with pytest.raises(SpecError, match="not known to it velocity$"):
        read(tmp_path / "u.npz")
    np.savez(tmp_path / "u.npz", **GRADIENT, note=np.array("x" * 1000))
    with pytest.raises(SpecError, match="not numbers"):
        read(tmp_path / "u.npz")
    torch.save({"num_examples": 3, "lr": 0.1}, tmp_path / "u.pt")
    with pytest.raises(SpecError):
        read(tmp_path / "u.pt")
    with pytest.raises(SpecError):
        read_state(tmp_path / "u.pt", "u.pt")
