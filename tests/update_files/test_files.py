"""Files of a recorded round: naming schemes, the published trio, and what is refused."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from gi_core import networks
from gi_core.settings import networks as M
from gi_core.tensor_files.naming import schemes
from gi_core.tensor_files.reading import read_arrays
from gi_core.tensor_files.weights import read_state
from gi_core.update_files.round import read_round
from gi_core.update_files.writing import write_npz, write_round, write_safetensors
from tests.tensor_files.hostile import archive, refusal
from tests.update_files.recorded import NETWORKS, SMALL, played, renamed, written

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("key", "scheme"),
    [(k, s) for k in NETWORKS for s in ("bare", "model", "module", "monai") if (k, s) != ("small", "monai")],
)
def test_every_naming_scheme_comes_back_exactly(tmp_path, key, scheme):
    network, before, change, after = played(key)
    recorded = written(tmp_path, renamed(before, scheme), renamed(change, scheme), pickled=True)
    fresh = networks.build(NETWORKS[key][0].model_copy(update={"seed": 3}), *NETWORKS[key][1:])
    got, update, info = read_round(fresh, recorded)
    for name, value in network.state_dict().items():
        assert torch.equal(got.state_dict()[name], value)
    assert list(update.tensors) == [name for name, _ in network.named_parameters()]
    for name, value in update.tensors.items():
        assert np.array_equal(value.numpy(), change[name]) and value.dtype == torch.float32
    for name, value in update.statistics.items():
        torch.testing.assert_close(value, after[name], rtol=1e-6, atol=1e-7)
    assert info["steps"] == 1 and update.kind == "weight_change" and not info["notices"]
    words = {"bare": "own names", "model": "prefix model.", "module": "prefix module.model.", "monai": "MONAI"}
    assert words[scheme] in info["scheme"]
    assert not torch.equal(fresh.fc.weight, network.fc.weight), "the caller's network stays as it was"


def test_foreign_names_are_matched_by_order_where_every_shape_agrees(tmp_path):
    network, before, change, _ = played()
    foreign = {key: f"block{i}.{key.rpartition('.')[2]}" for i, key in enumerate(before)}
    recorded = written(
        tmp_path, {foreign[k]: v for k, v in before.items()}, {foreign[k]: v for k, v in change.items()}, pickled=True
    )
    got, update, info = read_round(networks.build(SMALL, (1, 12, 12), 3), recorded)
    assert info["scheme"] == info["checkpoint_scheme"] == "order and shape"
    assert np.array_equal(update.tensors["conv1.weight"].numpy(), change["conv1.weight"])
    other = {"bn0.weight": "bn0.bias", "bn0.bias": "x.bias"}
    write_npz(tmp_path / "swapped.npz", {other.get(k, k): v for k, v in change.items()})
    changed = recorded.model_copy(update={"update": str(tmp_path / "swapped.npz")})
    assert "missing bn0.weight" in refusal(read_round, network, changed)


@pytest.mark.parametrize("pickled", [True, False])
def test_without_the_statistics_file_they_are_exact(tmp_path, pickled):
    network, before, change, after = played(steps=2)
    recorded = written(tmp_path, before, change, pickled=pickled)
    _, shared, info = read_round(network, recorded)
    _, update, alone = read_round(network, recorded.model_copy(update={"statistics": None}))
    assert info["statistics_from"] == "file" and alone["statistics_from"] == "change"
    assert info["steps"] == alone["steps"] == 2
    assert update.statistics.keys() == shared.statistics.keys() == {k for k in after if "running" in k or "num_" in k}
    for name, value in update.statistics.items():
        assert torch.equal(value, shared.statistics[name])
        torch.testing.assert_close(value, after[name], rtol=1e-6, atol=1e-7)


def test_numpy_scalars_and_ordered_dictionaries_of_every_protocol(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=True)
    assert all(isinstance(change[k], np.float32) for k in change if "num_batches" in k)
    for protocol in (2, 3, 4, 5):
        held = OrderedDict(change)
        held["conv0.weight"] = np.asfortranarray(change["conv0.weight"].astype(np.float64))
        held["conv1.weight"] = np.ascontiguousarray(change["conv1.weight"].transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)
        content = io.BytesIO()
        np.lib.format.write_array_header_1_0(content, {"descr": "|O", "fortran_order": False, "shape": ()})
        content.write(pickle.dumps(np.array(held, dtype=object), protocol=protocol))
        archive(tmp_path / "u.npz", {"weights.npy": content.getvalue()})
        _, update, info = read_round(network, recorded.model_copy(update={"update": str(tmp_path / "u.npz")}))
        assert info["steps"] == 1
        for name, value in update.tensors.items():
            assert np.array_equal(value.numpy(), change[name]), (protocol, name)


def test_pickle_free_files_open_with_everybodys_readers(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change)
    state = read_state(Path(recorded.checkpoint), "checkpoint")
    assert all(torch.equal(state[k], v) for k, v in network.state_dict().items())
    with np.load(recorded.update) as stored:
        assert all(np.array_equal(stored[k], change[k]) for k in change)
    write_safetensors(tmp_path / "u.safetensors", change)
    again, ordered = read_arrays(tmp_path / "u.safetensors", "u")
    assert not ordered and all(
        np.array_equal(again[k], change[k]) and again[k].shape == np.shape(change[k]) for k in change
    )
    torch.save({k: torch.tensor(v) for k, v in change.items()}, tmp_path / "u.pt")
    for name in ("u.safetensors", "u.pt"):
        _, update, _ = read_round(network, recorded.model_copy(update={"update": str(tmp_path / name)}))
        assert all(np.array_equal(update.tensors[k].numpy(), change[k]) for k in update.tensors)


def test_an_update_of_parameters_alone_has_no_statistics_and_no_steps(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, {k: v for k, v in change.items() if "running" not in k and "num_" not in k})
    assert recorded.statistics is None
    _, update, info = read_round(network, recorded, "gradient")
    assert update.statistics is None and info["steps"] is None and info["statistics_from"] == "none"
    assert update.kind == "gradient"


def test_steps_survive_noise_on_the_counters(tmp_path):
    network, before, change, _ = played(steps=3)
    noisy = {k: v + np.float32(0.05) if "num_" in k else v for k, v in change.items()}
    assert read_round(network, written(tmp_path, before, noisy))[2]["steps"] == 3


def test_statistics_that_contradict_the_update_are_told(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change)
    moved = {k: v + 1 for k, v in read_arrays(Path(recorded.statistics), "s")[0].items()}
    write_npz(Path(recorded.statistics), moved)
    _, update, info = read_round(network, recorded)
    assert "the file is taken" in info["notices"][0]
    assert np.array_equal(update.statistics["bn0.running_var"].numpy(), moved["bn0.running_var"])


def test_the_writer_needs_neither_torch_nor_pydantic(tmp_path):
    program = (
        "import sys\nfor gone in ('torch', 'pydantic', 'safetensors', 'streamlit'): sys.modules[gone] = None\n"
        "import numpy as np\nfrom gi_core.update_files.writing import write_round\n"
        f"print(write_round({str(tmp_path)!r}, {{'w': np.ones(2)}}, {{'w': np.ones(2)}}, name='r1'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "updates_r1.npz").is_file() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("../x", {}, "named by letters"),
        ("r1", {"w.bias": np.ones(1)}, "'w.bias'"),
        ("r1", {"w": np.array("x")}, "string"),
    ],
)
def test_the_writer_refuses(tmp_path, name, change, words):
    with pytest.raises(ValueError, match=words):
        write_round(tmp_path / "f", {"w": np.ones(2, np.float32)}, change, name=name)
    assert not list(tmp_path.rglob("updates*"))


def test_another_architecture_is_listed_in_one_sentence(tmp_path):
    _, before, change, _ = played()
    recorded = written(tmp_path, renamed(before, "model"), renamed(change, "model"))
    deeper = networks.build(M.ConvNet(width=2, depth=3), (1, 18, 18), 3)
    text = refusal(read_round, deeper, recorded)
    assert "missing conv2.weight" in text and "of another shape: fc.weight is" in text
    shallower = networks.build(M.ConvNet(width=2, depth=2, batch_norm=False), (1, 12, 12), 3)
    assert "not known to it bn0.weight" in refusal(read_round, shallower, recorded)
    classes = networks.build(SMALL, (1, 12, 12), 5)
    assert "set model.classes=3" in refusal(read_round, classes, recorded)


def test_names_are_never_guessed_where_they_contradict():
    own = dict.fromkeys(("a.weight", "b.weight"), (2, 2))
    from gi_core.tensor_files.naming import match

    assert isinstance(match(own, {"b.weight": (2, 2), "a.weight": (2, 2)}, ordered=True).given, dict)
    assert isinstance(match(own, {"b.weight": (2, 2), "c.weight": (2, 2)}, ordered=True), str)
    assert isinstance(match(own, {"c.weight": (2, 2), "d.bias": (2, 2)}, ordered=True), str)
    assert any(title.startswith("MONAI") for title, _ in schemes(["module.features.0.weight"]))
