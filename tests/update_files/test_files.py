"""Files of a recorded round: three naming schemes, the published trio, and every kind of file that means harm."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gi_core import networks
from gi_core.networks.trainable import client_model
from gi_core.settings import SpecError, build
from gi_core.settings import networks as M
from gi_core.settings.recorded_round import Recorded
from gi_core.tensor_files.naming import schemes
from gi_core.tensor_files.reading import read_arrays
from gi_core.tensor_files.unpickling import unpickle
from gi_core.tensor_files.weights import read_state
from gi_core.update_files.round import read_round
from gi_core.update_files.writing import write_npz, write_round, write_safetensors

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]
SMALL = M.ConvNet(width=2, depth=2)
NETWORKS = {
    "small": (SMALL, (1, 12, 12), 3),
    "resnet18": (M.ResNet18(), (3, 32, 32), 2),
    "cifar stem": (M.ResNet18(stem="cifar"), (3, 32, 32), 2),
}
MONAI = {"conv1": "features.0", "bn1": "features.1"} | {f"layer{k}": f"features.{k + 3}" for k in (1, 2, 3, 4)}


def played(key: str = "small", steps: int = 1):
    """(network before, its state, change) of a real round in train mode; the last two as plain arrays."""
    settings, shape, classes = NETWORKS[key]
    before = networks.build(settings, shape, classes)
    after = client_model(before, "train")
    draw = torch.Generator().manual_seed(1)
    optimiser = torch.optim.SGD(after.parameters(), 0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        x = torch.rand(4, *shape, generator=draw)
        nn.functional.cross_entropy(after(x), torch.tensor([0, 1, 1, 0])).backward()
        optimiser.step()
    old, new = before.state_dict(), after.state_dict()
    change = {k: np.float32((new[k].double() - old[k].double()).numpy()) for k in old}
    return before, {k: v.numpy() for k, v in old.items()}, change, new


def renamed(arrays: dict, scheme: str) -> dict:
    def name(key: str) -> str:
        first, _, rest = key.partition(".")
        return {
            "bare": key,
            "model": f"model.{key}",
            "module": f"module.model.{key}",
            "monai": f"{MONAI.get(first, first)}.{rest}",
        }[scheme]

    return {name(key): value for key, value in arrays.items()}


def written(folder: Path, before: dict, change: dict, **more) -> Recorded:
    files = write_round(folder, before, change, name="round10_client9", **more)
    return Recorded(**{k: str(v) for k, v in files.items()})


def refusal(call, *arguments) -> str:
    with pytest.raises(SpecError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    return text


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
    _, told, info = read_round(network, recorded)
    _, update, alone = read_round(network, recorded.model_copy(update={"statistics": None}))
    assert info["statistics_from"] == "file" and alone["statistics_from"] == "change"
    assert info["steps"] == alone["steps"] == 2
    assert update.statistics.keys() == told.statistics.keys() == {k for k in after if "running" in k or "num_" in k}
    for name, value in update.statistics.items():
        assert torch.equal(value, told.statistics[name])
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


# What means harm


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def npy(shape: tuple, descr: str = "<f4", content: bytes = b"") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, call, *arguments) -> None:
        self.made = call, arguments

    def __reduce__(self):
        return self.made


def evil(marker: Path) -> dict[str, bytes]:
    mkdir = Runs(os.system, f"mkdir {marker}")
    evaluated = Runs(eval, f"__import__('os').mkdir({str(marker)!r})")
    array = np.ones(2, np.float32)
    nested = np.empty(2, dtype=object)
    nested[:] = [array, mkdir]

    def dump(value, protocol: int = 4) -> bytes:
        return pickle.dumps(value, protocol=protocol)

    def held(value) -> np.ndarray:
        return np.array(value, dtype=object)

    state = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n"
    return {
        "the whole file": dump(mkdir),
        "in the array": dump(held(mkdir)),
        "a value": dump(held({"w": array, "x": mkdir})),
        "a key": dump(held({mkdir: array})),
        "eval": dump(held({"w": evaluated})),
        "protocol 0": dump(held({"w": evaluated}), 0),
        "protocol 2": dump(held({"w": evaluated}), 2),
        "nested array": dump(held({"w": nested})),
        "nested array 5": dump(held({"w": nested}), 5),
        "a function": dump(held({"w": os.getcwd})),
        "a class": dump(held({"w": Path})),
        "inst": b"(S'mkdir " + str(marker).encode() + b"'\nios\nsystem\n.",
        "state of a function": state + b"}X\x0c\x00\x00\x00__defaults__(K\x01tsb.",
        "numpy's own loader": b"\x80\x04cnumpy\nload\n(X\x01\x00\x00\x00xtR.",
        "attribute of numpy": b"\x80\x04\x8c\x05numpy\x8c\x0andarray.fromfile\x93.",
        "persistent": b"\x80\x04X\x01\x00\x00\x00xQ.",
        "extension": b"\x80\x04\x82\x01.",
        "new object": b"\x80\x04cnumpy\nndarray\n)\x81.",
        "dtype with fields": dump(held({"w": np.ones(1, [("a", "f4")])})),
        "array of texts": dump(held({"w": np.array(["x"])})),
        "text": dump(held({"w": "text"})),
        "list": dump(held([array])),
        # what would make Python's own unpickler ask for gigabytes
        "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
        "long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
        "long bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
        "long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
        "memo": b"\x80\x04Nr\xff\xff\xff\x7f.",
        "long number": b"\x80\x04\x8b" + struct.pack("<i", 2**30) + b"x.",
        "deep key": b"\x80\x04})" + b"\x85" * 300_000 + b"Ns.",
        "shape": dump(held({"w": array})).replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
        "no end": dump(held({"w": array}))[:-1],
        "cut": dump(held({"w": array}))[:-40],
        "nothing": b"",
    }


@pytest.mark.parametrize("kind", sorted(evil(Path("/nowhere"))))
def test_a_file_with_anything_but_arrays_is_refused_and_nothing_of_it_runs(tmp_path, kind):
    marker = tmp_path / "executed"
    content = evil(marker)[kind]
    file = archive(tmp_path / "evil.npz", {"weights.npy": npy((), "|O", content)})
    text = refusal(read_arrays, file, "evil.npz")
    assert text.startswith("evil.npz")
    assert not marker.exists()
    if content.startswith(b"\x80") and kind in ("the whole file", "in the array", "eval"):
        pickle.loads(content)  # the file is what it claims to be
        assert marker.exists()


def test_refusals_name_what_was_found(tmp_path):
    found = evil(tmp_path / "marker")
    assert "posix.system" in refusal(unpickle, found["a value"], "f")
    assert "builtins.eval" in refusal(unpickle, found["eval"], "f")
    assert "without running any of it" in refusal(unpickle, found["inst"], "f")
    assert unpickle(pickle.dumps(np.array({"w": np.ones(2)}, dtype=object)), "f").value["w"].value.tolist() == [1, 1]


def test_sizes_are_checked_before_anything_is_allocated(tmp_path, monkeypatch):
    big = npy((2**29,))
    zeros = b"\0" * 2**20
    deflated = archive(tmp_path / "a.npz", {f"w{i}.npy": zeros for i in range(40)}, zipfile.ZIP_DEFLATED)
    cases = {
        "promises 2147483648 bytes": archive(tmp_path / "b.npz", {"w.npy": big}),
        "promises": archive(tmp_path / "c.npz", {"w.npy": npy((2**40, 2**40))}),
        "is damaged": archive(tmp_path / "d.npz", {"w.npy": npy((-2, -2), content=b"\0" * 16)}),
        "an array of objects": archive(tmp_path / "e.npz", {"w.npy": npy((2,), "|O", b"N.")}),
        "objects beside arrays": archive(
            tmp_path / "f.npz", {"w.npy": npy((1,), content=b"\0" * 4), "o.npy": npy((), "|O", objects())}
        ),
        "no archive of arrays": archive(tmp_path / "g.npz", {"w.txt": b"hello"}),
        "not numbers": archive(tmp_path / "h.npz", {"w.npy": npy((1,), "<U1", b"\0" * 4)}),
        "give what numpy.savez writes": archive(tmp_path / "i.npz", {"w.npy": b"\x93NUMPY\x02\x00" + b"\xff" * 12}),
    }
    for words, file in cases.items():
        assert words in refusal(read_arrays, file, file.name)
    monkeypatch.setattr("gi_core.tensor_files.npz.MOST_BYTES", 2**25)
    assert deflated.stat().st_size < 2**18
    assert "unpacks to" in refusal(read_arrays, deflated, "bomb.npz")


def objects() -> bytes:
    return pickle.dumps(np.array({"w": np.ones(1)}, dtype=object))


def test_an_archive_that_lies_about_its_sizes(tmp_path):
    file = archive(tmp_path / "lie.npz", {"w.npy": npy((2**20,), content=b"\0" * 2**22)}, zipfile.ZIP_DEFLATED)
    content = bytearray(file.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 200)
    file.write_bytes(content)
    assert "damaged or cut off" in refusal(read_arrays, file, "lie.npz")


def test_safetensors_that_promise_what_they_do_not_hold(tmp_path):
    def file(header: bytes, content: bytes = b"", length: int | None = None) -> Path:
        path = tmp_path / "x.safetensors"
        path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + content)
        return path

    entry = b'{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}'
    for header, content in (
        (entry % (2**29, 2**31), b"1234"),
        (entry % (1, 4), b""),
        (entry % (2, 4), b"1234"),
        (b'{"w":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}', b"1"),
        (b'{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', b"1234"),
        (b'{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}', b"1234"),
        (b'{"w":3}', b""),
        (b"{" + b"[" * 100_000, b""),
        (b"{no json", b""),
    ):
        text = refusal(read_arrays, file(header, content), "x.safetensors")
        assert "damaged" in text
    assert "no file of arrays, or is cut off" in refusal(read_arrays, file(b"{}", length=2**31), "x.safetensors")
    assert "is empty" in refusal(read_arrays, file(b"{}"), "x.safetensors")


@pytest.mark.parametrize("pickled", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite(tmp_path, value, pickled):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=pickled)
    bad = dict(change, **{"fc.bias": np.array([1, value, 1])})
    if pickled:
        np.savez(recorded.update, weights=np.array(bad, dtype=object))
    else:
        write_npz(Path(recorded.update), bad)
    assert "not finite in fc.bias" in refusal(read_round, network, recorded)
    if value != 1e300:
        write_round(tmp_path, {**before, "fc.bias": np.full(3, value, np.float32)}, change, name="bad", pickled=pickled)
        file = tmp_path / f"bad_global{'.pt' if pickled else '.safetensors'}"
        whole = recorded.model_copy(update={"checkpoint": str(file)})
        assert "are not finite" in refusal(read_round, network, whole)


def test_cut_off_files(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=True)
    for part in ("checkpoint", "update", "statistics"):
        whole = Path(getattr(recorded, part)).read_bytes()
        for share in (0.0, 0.3, 0.95):
            cut = tmp_path / f"cut_{part}"
            cut.write_bytes(whole[: int(len(whole) * share)])
            refusal(read_round, network, recorded.model_copy(update={part: str(cut)}))
        gone = recorded.model_copy(update={part: str(tmp_path / "gone")})
        assert "No such file" in refusal(read_round, network, gone)


def test_a_checkpoint_with_code_is_refused_unexecuted(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=True)
    marker = tmp_path / "executed"
    torch.save({"model": {"fc.weight": Runs(os.mkdir, str(marker))}}, recorded.checkpoint)
    assert "refused without running" in refusal(read_round, network, recorded)
    assert not marker.exists()


def test_uploads_are_named_by_their_digest_only(gi_home):
    assert "not on this machine" in refusal(
        read_round, networks.build(SMALL, (1, 12, 12), 3), Recorded(checkpoint="upload:" + "0" * 64, update="x")
    )
    assert build({"recorded": {"checkpoint": "a", "update": "b"}}).recorded.images == 1


def test_damage_anywhere_is_one_sentence_or_harmless(tmp_path):
    _, before, change, _ = played()
    np.savez_compressed(tmp_path / "a.npz", **change)
    np.savez(tmp_path / "b.npz", weights=np.array(change, dtype=object))
    write_safetensors(tmp_path / "c.safetensors", change)
    draw = np.random.default_rng(0)
    for file in sorted(tmp_path.iterdir()):
        whole = file.read_bytes()
        for _ in range(150):
            content = bytearray(whole)
            at = int(draw.choice([draw.integers(600), -1 - draw.integers(900), draw.integers(len(whole))]))
            content[at] = draw.integers(256)
            file.write_bytes(content)
            try:
                found, _ = read_arrays(file, "f")
            except SpecError as error:
                assert "\n" not in str(error)
            else:
                assert all(np.isfinite(v).all() for v in found.values())
