"""Names of other libraries and wrappers, and what a server reads off an update of the defenses behind it."""

from __future__ import annotations

import pytest
import torch

from gi_core import data, networks
from gi_core.clients import play
from gi_core.defenses.reading import read_defense
from gi_core.experiments import preparing
from gi_core.settings import SpecError, build
from gi_core.settings import networks as M
from gi_core.tensor_files.naming import chosen, match
from gi_core.tensor_files.weights import shapes

torch.set_num_threads(1)
KINDS = {"resnet18": M.ResNet18(), "resnet50": M.ResNet50()}


def own(kind: str = "resnet18") -> dict[str, tuple[int, ...]]:
    return shapes(networks.build(KINDS[kind], (3, 32, 32), 2).state_dict())


def hugging_face(name: str) -> str:
    """As transformers' ResNetForImageClassification calls it, written down part by part."""
    first, *rest = name.split(".")
    stem = "resnet.embedder.embedder."
    if first == "conv1":
        return f"{stem}convolution.{rest[0]}"
    if first == "bn1":
        return f"{stem}normalization.{rest[0]}"
    if first == "fc":
        return f"classifier.1.{rest[0]}"
    block = f"resnet.encoder.stages.{int(first[-1]) - 1}.layers.{rest[0]}."
    if rest[1] == "downsample":
        return f"{block}shortcut.{'convolution' if rest[2] == '0' else 'normalization'}.{rest[3]}"
    kind = "convolution" if rest[1].startswith("conv") else "normalization"
    return f"{block}layer.{int(rest[1][-1]) - 1}.{kind}.{rest[2]}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrapper", ["", "model.", "_orig_mod.module."])
def test_hugging_faces_resnets(kind, wrapper):
    ours = own(kind)
    given = {wrapper + hugging_face(name): shape for name, shape in ours.items()}
    found = match(ours, dict(sorted(given.items())))
    assert found.given == {name: wrapper + hugging_face(name) for name in ours}
    assert found.scheme.startswith("Hugging Face's names") and len(found.table) == len(ours)
    swapped = dict(given)
    a, b = (wrapper + hugging_face(n) for n in ("layer2.0.conv1.weight", "layer1.0.conv1.weight"))
    swapped[a], swapped[b] = swapped[b], swapped[a]
    assert "of another shape: layer1.0.conv1.weight" in match(ours, swapped)


@pytest.mark.parametrize(
    "prefix", ["_module.", "backbone.", "module.", "_orig_mod.", "a.b.c.", "module._orig_mod.net."]
)
def test_any_prefix_that_all_names_share(prefix):
    ours = own()
    found = match(ours, {prefix + name: shape for name, shape in ours.items()})
    assert found.given == {name: prefix + name for name in ours} and found.scheme == f"prefix {prefix}"
    assert not found.table, "a prefix alone needs no table"


def test_parts_behind_prefixes_of_their_own():
    ours = own()
    given = {("head." if name.startswith("fc") else "backbone.body.") + name: shape for name, shape in ours.items()}
    found = match(ours, given)
    assert found.given["layer1.0.conv1.weight"] == "backbone.body.layer1.0.conv1.weight"
    assert found.given["conv1.weight"] == "backbone.body.conv1.weight" and found.scheme == "the ends of the names"
    assert len(found.table) == len(ours)
    assert isinstance(match(ours, given | {"other.conv1.weight": (64, 3, 7, 7)}), str), "two for one of ours"


def test_patterns():
    names = ["conv1.weight", "layer1.0.weight", "layer10.0.weight", "fc.weight", "fc.bias"]
    assert chosen(names, ["layer1.*"], "x") == ["layer1.0.weight"] == chosen(names, ["layer1"], "x")
    assert chosen(names, ["fc", "*.0.weight"], "x") == names[1:]
    with pytest.raises(SpecError, match="x names 'layer2', which this network has not: its tensors are conv1.weight"):
        chosen(names, ["fc", "layer2"], "x")


DEFENSES = [
    {"kind": "gaussian_noise", "std": 0.02},
    {"kind": "laplace_noise", "scale": 0.02},
    {"kind": "percentile_noise", "sigma0": 0.1},
    {"kind": "clipping", "norm": 0.5},
    {"kind": "dp_sgd", "clip": 1.0, "noise_multiplier": 0.1},
    {"kind": "pruning", "fraction": 0.7},
    {"kind": "random_pruning", "kept": 0.3},
    {"kind": "top_k", "kept": 0.1},
    {"kind": "quantisation", "bits": 4},
    {"kind": "quantisation", "bits": 1},
    {"kind": "half_precision", "format": "bfloat16"},
    {"kind": "soteria", "fraction": 0.3},
    {"kind": "withheld_layers", "which": "biases"},
    {"kind": "protective_direction", "strength": 0.1},
]


@pytest.mark.parametrize("settings", DEFENSES, ids=lambda d: d["kind"])
@pytest.mark.parametrize(
    "client", [{"kind": "fedsgd"}, {"kind": "fedavg", "learning_rate": 0.1}], ids=lambda c: c["kind"]
)
def test_a_server_reads_of_a_defense_what_the_client_would_tell(settings, client):
    if settings["kind"] == "protective_direction" and client["kind"] == "fedavg":
        client = {"kind": "fedsgd"}
    asked = build({
        "samples": ["bundled/faces:3"], "size": 12, "channels": 1, "client": client, "defenses": [settings],
        "model": {"kind": "lenet", "width": 4, "classes": 4, "init": "uniform", "seed": 2},
    })  # fmt: skip
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = play(asked, model, pictures, "cpu")
    (known,) = done.knowledge.defenses
    read = read_defense(asked.defenses[0], model, done.update, done.knowledge.schedule)
    assert set(known) <= set(read) | {"format"}, "nothing that an attack goes by is missing"
    for key, value in known.items():
        if key == "mask":
            for name, kept in value.items():
                assert torch.equal(
                    read["mask"][name] & (done.update.tensors[name] != 0), kept & (done.update.tensors[name] != 0)
                )
                assert float((read["mask"][name] != kept).float().mean()) < 0.02, (
                    "but for values that are zero themselves"
                )
        elif key == "steps":
            assert read[key] == pytest.approx(value, rel=1e-3)
        elif key == "sigma":
            assert read[key] == pytest.approx(value, rel=0.1 if settings["kind"] == "percentile_noise" else 1e-6)
        else:
            assert read[key] == value


def test_what_cannot_be_read_is_said():
    asked = build({"defenses": [{"kind": "mixing", "partners": "public"}]})
    with pytest.raises(SpecError, match="cannot be read off an update: leave mixing out"):
        read_defense(asked.defenses[0], None, None, None)
