"""Networks of torchvision and timm by name: made, described, with weights of a file that stands for the published one."""

from __future__ import annotations

import hashlib
import http.server
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from gi_core import data
from gi_core.common.errors import SpecError
from gi_core.common.vision import import_torchvision
from gi_core.experiments import fetching, preparing
from gi_core.networks import build, library, library_weights, own
from gi_core.networks.tracing import graph_of
from gi_core.settings import EVERY_MODEL, MODELS, problems
from gi_core.settings import build as experiment
from gi_core.settings.library_network import LibraryNetwork
from gi_core.settings.own_network import barred

needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason=f"timm is not installed: {library.INSTALL}")


def test_a_network_of_torchvision_is_the_one_that_it_makes():
    settings = LibraryNetwork(source="torchvision:squeezenet1_1", seed=3)
    made = build(settings, (3, 64, 64), 7)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = import_torchvision().models.squeezenet1_1(num_classes=7).eval()
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(made(x), expected(x))
    assert barred(settings) is None and "library" in EVERY_MODEL and "library" not in MODELS


@needs_timm
def test_a_network_of_timm_takes_grey_pictures_too():
    settings = LibraryNetwork(source="timm:test_resnet")
    assert build(settings, (1, 64, 64), 7)(torch.rand(2, 1, 64, 64)).shape == (2, 7)
    assert graph_of(build(settings, (1, 64, 64), 7), (1, 64, 64)).layers[0].op.channels_in == 1


def test_its_facts_are_those_of_the_module():
    found = own.of_library(LibraryNetwork(source="torchvision:mnasnet0_5", classes=5), (3, 64, 64))
    assert found.has_batch_norm and found.kinked and found.last_bias and found.input is None and found.classes == 5
    fixed = own.of_library(LibraryNetwork(source="torchvision:resnet18"))
    assert fixed.classes is None and fixed.outputs(10) == 10


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("torchvision:resnet19", "torchvision has no network 'resnet19': did you mean 'resnet18'"),
        ("torchvision:zzzzzz", "list torchvision prints their names"),
        ("torchvision:vit_h_14", "633 million parameters, at most 120"),
        pytest.param("timm:resnet19", "timm has no network 'resnet19': did you mean", marks=needs_timm),
    ],
)
def test_what_the_library_does_not_give_is_said(source, said):
    with pytest.raises(SpecError, match=said) as stop:
        build(LibraryNetwork(source=source), (3, 64, 64), 10)
    assert len(str(stop.value)) < 250


def test_a_large_network_is_taken_where_its_settings_say_so_and_no_larger():
    """So a link cannot have a worker make what no check of memory has counted."""
    vgg = LibraryNetwork(source="torchvision:vgg11")
    with pytest.raises(SpecError, match="133 million parameters, at most 120"):
        build(vgg, (3, 32, 32), 10)
    with pytest.raises(SpecError, match="633 million parameters, at most 200"):
        own.of_library(LibraryNetwork(source="torchvision:vit_h_14"))


def test_pictures_that_do_not_fit_are_said():
    with pytest.raises(SpecError, match="takes colour pictures, these have 1"):
        build(LibraryNetwork(source="torchvision:resnet18"), (1, 64, 64), 10)
    with pytest.raises(SpecError, match="does not take pictures of 3x32x32"):
        build(LibraryNetwork(source="torchvision:alexnet"), (3, 32, 32), 10)


def test_timm_that_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    library.names.cache_clear()
    with pytest.raises(SpecError, match="timm is not installed here: pip install"):
        build(LibraryNetwork(source="timm:resnet18"), (3, 64, 64), 10)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host on this machine that publishes weights of squeezenet1_1, with its hash in the name as torchvision has it."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = import_torchvision().models.squeezenet1_1()
    plain = tmp_path / "weights.pth"
    torch.save(model.state_dict(), plain)
    name = f"squeezenet1_1-{hashlib.sha256(plain.read_bytes()).hexdigest()[:8]}.pth"
    served = tmp_path / "served"
    served.mkdir()
    plain.rename(served / name)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given):
            super().__init__(*given, directory=str(served))

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *given):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("GI_DATA", str(tmp_path / "data"))
    address = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    monkeypatch.setattr(library_weights, "address", lambda source: address)
    yield model, asked, served / name
    server.shutdown()
    server.server_close()


def asking(**values):
    model = {"kind": "library", "source": "torchvision:squeezenet1_1", **values}
    return experiment(
        {
            "samples": ["bundled/astronaut"],
            "size": 64,
            "model": model,
            "weights": {"kind": "imagenet"},
            "normalise": "imagenet",
        }
    )


def test_published_weights_are_fetched_on_request_alone(host):
    model, asked, _ = host
    question = asking(classes=1000)
    pictures = data.load(question)
    with pytest.raises(SpecError, match="python -m gi_core fetch torchvision:squeezenet1_1"):
        preparing.prepare(question, pictures)
    assert asked == []
    place = fetching.fetch("torchvision:squeezenet1_1")
    assert isinstance(place, Path) and len(asked) == 1
    network, info = preparing.prepare(question, pictures)
    assert len(asked) == 1 and info["weights"] == "published ones"
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network(x), model.eval()(x))


def test_other_classes_get_a_fresh_last_layer(host):
    fetching.fetch("torchvision:squeezenet1_1")
    question = asking(classes=12)
    network, info = preparing.prepare(question, data.load(question))
    assert info["weights"] == "published ones, with a fresh last layer classifier.1"
    assert network(torch.rand(1, 3, 64, 64)).shape == (1, 12)
    torch.testing.assert_close(network.features[0].weight, host[0].features[0].weight)


def test_damaged_weights_are_refused(host):
    host[2].write_bytes(b"something else")
    with pytest.raises(SpecError, match="arrived damaged"):
        fetching.fetch("torchvision:squeezenet1_1")


def test_the_addresses_are_the_libraries_own():
    assert (
        library_weights.address("torchvision:resnet18") == "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    )


@needs_timm
def test_weights_of_timm_lie_on_its_hub():
    assert (
        library_weights.address("timm:resnet18")
        == "https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors"
    )


def test_an_experiment_with_it_has_no_problem_and_is_read_again():
    question = experiment({"model": {"kind": "library", "source": "torchvision:resnet18"}, "attack": {"kind": "dlg"}})
    assert [p for p in problems(question) if p.fatal] == []
    assert experiment(question.model_dump(mode="json")) == question
    with pytest.raises(SpecError, match="names no network of a library"):
        experiment({"model": {"kind": "library", "source": "os:system"}})


def test_python_takes_the_name_too():
    import gi_core as gi

    found = gi.rank("torchvision:mnasnet0_5:classes=5", (3, 64, 64))
    assert str(found).startswith("torchvision:mnasnet0_5")
