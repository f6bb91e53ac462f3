"""Vision transformers under the names of torchvision, timm, Hugging Face and CLIP: the same network, or one sentence why not."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gi_core import data, networks
from gi_core.common.errors import SpecError
from gi_core.experiments import preparing
from gi_core.networks import library
from gi_core.settings import build
from gi_core.settings import networks as M
from gi_core.settings.recorded_round import Recorded
from gi_core.tensor_files import transformer_names as names
from gi_core.tensor_files.transformers import state_for
from gi_core.tensor_files.weights import load_checkpoint, load_state
from gi_core.update_files import guessing
from gi_core.update_files.round import read_update

SMALL = {"patch": 8, "depth": 2, "heads": 2, "hidden": 16}
PREFIX = {
    "Hugging Face's names": "vit.", "Hugging Face's names, distilled": "deit.", "Hugging Face's newer names": "vit.",
    "Hugging Face's newer names, distilled": "deit.", "Hugging Face's CLIP names": "vision_model.",
    "CLIP's names": "visual.",
}  # fmt: skip
REAL = json.loads((Path(__file__).parent / "real_names.json").read_text())
BESIDE = ("classifier.", "cls_classifier.")


def vit(family="torchvision", seed=0, **more):
    return networks.build(M.VisionTransformer(**SMALL, family=family, seed=seed, **more), (3, 16, 16), 5)


def written(model, family, prefix=""):
    """The state of our network as another library writes it: other names, rows apart, fewer axes in CLIP's."""
    places, state = family.names(SMALL["depth"]), {}
    for key, value in model.state_dict().items():
        theirs = places.get(key, ())
        flat = value.squeeze(0).squeeze(0) if "CLIP" in family.title and value.dim() == 3 else value
        for name, part in zip(theirs, flat.chunk(len(theirs)) if theirs else (), strict=True):
            state[name if name.startswith(BESIDE) else prefix + name] = part.clone()
    return state


@pytest.mark.parametrize("family", names.FAMILIES[1:], ids=lambda f: f.title)
def test_a_file_under_other_names_gives_the_same_network(family):
    source, target = vit(family.setting, seed=1), vit(family.setting, seed=2)
    state = written(source, family, PREFIX.get(family.title, ""))
    if family.title == "CLIP's names":  # as it lies in a whole CLIP
        state |= {"positional_embedding": torch.zeros(77, 8), "transformer.resblocks.0.ln_1.weight": torch.zeros(8)}
    renamed, scheme, notices = state_for(target, state, "w.pt")
    assert scheme.startswith(family.title.partition(",")[0]) and all("beside" in n for n in notices)
    load_state(target, renamed, "w.pt")
    x = torch.rand(2, 3, 16, 16)
    if family.setting == "clip":
        assert scheme.endswith("with a fresh last layer")
        target.heads, source.heads = torch.nn.Identity(), torch.nn.Identity()
    assert torch.equal(target(x), source(x))


def test_a_file_of_hugging_face_in_an_experiment(gi_home, tmp_path):
    state = written(vit(seed=1), names.FAMILIES[3], "vit.")
    save_file(state, tmp_path / "w.safetensors")
    asked = build({
        "size": 16, "channels": 3, "model": {"kind": "vit", **SMALL, "classes": 5},
        "weights": {"kind": "file", "path": str(tmp_path / "w.safetensors")},
    })  # fmt: skip
    model, info = preparing.prepare(asked, data.load(asked))
    assert info["weights"] == "from w.safetensors, Hugging Face's names, prefix vit."
    assert any("set model.family=hugging_face" in n and "1e-12" in n for n in info["notices"])
    assert torch.equal(
        model.encoder.layers[1].self_attention.in_proj_weight[16:32],
        state["vit.encoder.layer.1.attention.attention.key.weight"],
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("vit.encoder.layer.1.attention.attention.key.weight"),
         r"\(Hugging Face's names, prefix vit\.\).*missing vit\.encoder\.layer\.1\.attention\.attention\.key\.weight$"),
        (lambda s: s.update({"vit.encoder.layer.2.output.dense.bias": torch.zeros(16)}), "not known to it vit.encoder.layer.2.output"),
        (lambda s: s.update({"vit.embeddings.position_embeddings": torch.zeros(1, 10, 16)}), "position_embeddings is 1x10x16 instead of 1x5x16"),
        (lambda s: s.update({"classifier.weight": torch.zeros(7, 16), "classifier.bias": torch.zeros(7)}), "set model.classes=7"),
        (lambda s: s.update({"vit.encoder.layer.0.attention.attention.query.weight": torch.zeros(16, 9)}), "query.weight"),
    ],
    ids=["a part", "a block more", "another size", "other classes", "ragged"],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence_in_the_files_names(change, said):
    state = written(vit(seed=1), names.FAMILIES[3], "vit.")
    change(state)
    with pytest.raises(SpecError, match=said) as caught:
        state_for(vit(), state, "w.pt")
    assert "\n" not in str(caught.value)


def test_the_wrong_family_is_named():
    state = written(vit("clip"), names.FAMILIES[-2], "vision_model.")
    with pytest.raises(SpecError, match="set model.family=clip"):
        state_for(vit(), state, "w.pt")
    with pytest.raises(SpecError, match="set model.family=torchvision"):
        state_for(vit("clip"), written(vit(), names.FAMILIES[2]), "w.pt")


def test_checkpoint_and_update_of_a_round_are_read_alike(tmp_path):
    source, target = vit("hugging_face", seed=1), vit("hugging_face", seed=2)
    torch.save(written(source, names.FAMILIES[3], "vit."), tmp_path / "c.pt")
    assert load_checkpoint(target, str(tmp_path / "c.pt")).startswith("Hugging Face's names")
    assert all(
        torch.equal(a, b) for a, b in zip(source.state_dict().values(), target.state_dict().values(), strict=True)
    )
    sent = vit("hugging_face", seed=3)
    np.savez(tmp_path / "u.npz", **{k: v.numpy() for k, v in written(sent, names.FAMILIES[3], "vit.").items()})
    recorded = Recorded(checkpoint=str(tmp_path / "c.pt"), update=str(tmp_path / "u.npz"), images=1)
    update, info = read_update(target, recorded, "gradient")
    assert all(torch.equal(update.tensors[k], v) for k, v in sent.named_parameters())
    assert info["scheme"] == "Hugging Face's names, prefix vit."
    assert len(info["names"]["encoder.layers.encoder_layer_0.self_attention.in_proj_bias"].split(" + ")) == 3


@pytest.mark.parametrize("family", names.FAMILIES, ids=lambda f: f.title)
def test_the_network_is_guessed_from_names_and_shapes(family):
    state = written(vit(family.setting), family, PREFIX.get(family.title, ""))
    found = guessing.guess({key: tuple(value.shape) for key, value in state.items()})
    wanted = {"kind": "vit", "patch": 8, "depth": 2, "hidden": 16, "heads": 1}
    assert {k: found["model"][k] for k in wanted} == wanted and found["size"] == 16
    assert found["model"].get("family", "torchvision") == family.setting


@pytest.mark.parametrize("module", REAL, ids=lambda m: m.replace(" ", "-"))
def test_the_names_of_modules_as_the_libraries_make_them(module):
    """Names and shapes of two blocks of 24, as transformers and open_clip name their tensors."""
    own = {name: tuple(shape) for name, shape in REAL[module].items()}
    reading = names.read(own)
    clip, distilled = "CLIP" in module, any("distillation" in name for name in own)
    assert reading.blocks == 2 and reading.family.setting == ("clip" if clip else "hugging_face")
    state = {name: torch.rand(shape) for name, shape in own.items()}
    sizes = {"patch": 8, "depth": 2, "heads": 3, "hidden": 24, "family": reading.family.setting}
    model = networks.build(M.VisionTransformer(**sizes), (3, 16, 16), 5)
    if distilled:  # there is none of ours: every name of the file is known, but for the second token nothing is missing
        known = {new for theirs in reading.family.names(2).values() for new in theirs}
        assert {name.removeprefix(reading.prefix) for name in own} <= known | {"classifier.weight", "classifier.bias"}
        return
    renamed, scheme, notices = state_for(model, state, "w.pt")
    load_state(model, renamed, "w.pt")
    assert scheme.endswith("with a fresh last layer") == (not any("classifier" in name for name in own))
    assert len(notices) == ("CLIPModel" in module or "open_clip" in module)
    assert torch.isfinite(model(torch.rand(1, 3, 16, 16))).all()


def test_other_networks_are_left_alone():
    lenet = networks.build(M.LeNet(), (3, 32, 32), 5)
    assert state_for(lenet, {"a": torch.zeros(1)}, "w.pt")[1] == "" and names.read(lenet.state_dict()) is None


@pytest.mark.slow
@pytest.mark.skipif(find_spec("timm") is None, reason=f"timm is not installed: {library.INSTALL}")
def test_timms_own_modules_read_and_write_these_names(tmp_path):
    timm = library.timm()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = timm.create_model("vit_tiny_patch16_224", depth=2, img_size=32, num_classes=5).eval()
        clip = timm.create_model("vit_base_patch32_clip_quickgelu_224", depth=2, img_size=64, num_classes=5).eval()
    ours = M.VisionTransformer(patch=16, depth=2, heads=3, hidden=192)
    model, x = networks.build(ours, (3, 32, 32), 5), torch.rand(2, 3, 32, 32)
    load_state(model, state_for(model, theirs.state_dict(), "w.pt")[0], "w.pt")
    torch.testing.assert_close(model(x), theirs(x))
    # and one of another library into timm's: CLIP's names into timm's tower
    tower = M.VisionTransformer(patch=32, depth=2, heads=12, hidden=768, family="clip")
    model, x = networks.build(tower, (3, 64, 64), 5), torch.rand(2, 3, 64, 64)
    state = written(model, names.FAMILIES[-1], "visual.")
    read = state_for(clip, state, "w.pt")[0]
    load_state(clip, read, "w.pt")
    clip.head.load_state_dict(model.heads.head.state_dict())
    torch.testing.assert_close(clip(x), model(x), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(
    "GI_REAL_MODULES" not in os.environ,
    reason="GI_REAL_MODULES names no python with torch, transformers and open_clip_torch beside what this project needs",
)
def test_real_modules_of_hugging_face_and_open_clip_give_their_pictures_away():
    """One and two pictures of noise through each, random weights, float32, told apart by the modules' own names."""
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    program = [os.environ["GI_REAL_MODULES"], "-m", "tests.tensor_files.real_modules"]
    done = subprocess.run(program, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert {row["module"] for row in rows} >= {"ViTForImageClassification", "CLIPVisionModel", "open_clip"}
    assert len(rows) == 8 and min(row["psnr"] for row in rows) > 70
