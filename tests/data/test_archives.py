"""Published data sets as torchvision lays them out, their download, and what a form offers."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import urllib.error

import numpy as np
import pytest
from PIL import Image

from gi_core import data
from gi_core.common import paths
from gi_core.data import archives, download, thumbnails
from gi_core.experiments import fetching
from gi_core.settings import Experiment, SpecError


def _idx(values: np.ndarray) -> bytes:
    sizes = b"".join(n.to_bytes(4, "big") for n in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


def _mnist_files() -> dict[str, bytes]:
    files = {}
    for stem, count in (("train", 30), ("t10k", 20)):
        images = np.arange(count * 784).reshape(count, 28, 28) % 251
        files[f"{stem}-images-idx3-ubyte.gz"] = gzip.compress(_idx(images))
        files[f"{stem}-labels-idx1-ubyte.gz"] = gzip.compress(_idx(np.arange(count) % 10))
    return files


def _cifar_archive(protocol: int = 2) -> bytes:
    """A tar like CIFAR-10's: each batch a pickled dictionary with keys of bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
            batch = {b"data": np.arange(4 * 3072).reshape(4, 3072).astype(np.uint8), b"labels": [3, 1, 4, 1]}
            body = pickle.dumps(batch, protocol)
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return content.getvalue()


class _Response(io.BytesIO):
    def __init__(self, content: bytes):
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content))}


@pytest.fixture
def internet(gi_home, monkeypatch):
    """A network that serves `files` by name, with the hashes that `fetch` expects of them."""
    files = {**_mnist_files(), "cifar-10-python.tar.gz": _cifar_archive()}

    def digest(name: str) -> str:
        return hashlib.md5(files[name]).hexdigest()

    monkeypatch.setitem(fetching._IDX, "mnist", (fetching._IDX["mnist"][0], {n: digest(n) for n in _mnist_files()}))
    monkeypatch.setitem(fetching._TAR, "cifar10", (fetching._TAR["cifar10"][0], digest("cifar-10-python.tar.gz")))
    monkeypatch.setattr(
        download.urllib.request,
        "urlopen",
        lambda request, timeout: _Response(files[request.full_url.rsplit("/")[-1]]),
    )
    return files


def test_mnist_is_fetched_with_progress_and_read(internet):
    seen: list[float] = []
    fetching.fetch("mnist", lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen) and seen[-1] == 1.0
    pictures = data.load(Experiment(samples=("mnist:7", "mnist:8"), normalise="auto"))
    expected = (np.arange(7 * 784, 8 * 784) % 251).reshape(28, 28)
    assert np.array_equal(np.round(pictures.images[0, 0] * 255), expected)
    assert pictures.labels.tolist() == [7, 8] and pictures.source == "mnist" and pictures.mean == (0.130664,)
    assert data.load(Experiment(samples=("mnist/train:25",))).labels.tolist() == [5]
    pool = data.candidates(Experiment(samples=("mnist:7",)), 15)
    assert pool.shape == (15, 1, 28, 28) and np.array_equal(pool[0], pictures.images[0])
    images, labels, test_images, _ = data.training_set(None, Experiment(samples=("mnist:7",)))
    assert images.shape == (30, 1, 28, 28) and test_images.shape == (20, 1, 28, 28) and labels[25] == 5
    assert [s.ref for s in data.catalogue() if s.group == "MNIST"] == [f"mnist:{k}" for k in range(12)]
    with pytest.raises(SpecError, match="has only 20 pictures"):
        data.load(Experiment(samples=("mnist:500",)))


def test_unpacked_files_are_read_too(internet):
    folder = fetching.fetch("mnist")
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert data.load(Experiment(samples=("mnist:3",))).labels.tolist() == [3]


def test_cifar_is_fetched_unpacked_and_read(internet):
    folder = fetching.fetch("cifar10")
    assert not list(folder.parent.glob("*.gz"))
    pictures = data.load(Experiment(samples=("cifar10:2",)))
    expected = np.arange(2 * 3072, 3 * 3072).astype(np.uint8).reshape(3, 32, 32)
    assert np.array_equal(np.round(pictures.images[0] * 255), expected)
    assert pictures.class_names[pictures.labels[0]] == "deer"
    assert data.training_set("cifar10", Experiment(samples=("cifar10:2",)))[0].shape == (20, 3, 32, 32)


def test_a_data_set_with_code_in_it_is_not_executed(internet):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(paths.data_home() / "executed"),)

    folder = fetching.fetch("cifar10")
    (folder / "test_batch").write_bytes(pickle.dumps({b"data": Code(), b"labels": []}))
    with pytest.raises(SpecError, match="are damaged: delete them"):
        data.load(Experiment(samples=("cifar10:0",)))
    assert not (paths.data_home() / "executed").exists()
    damaged = [s for s in data.catalogue() if s.group == "CIFAR-10"]
    assert [s.available for s in damaged] == [False] and "damaged" in damaged[0].missing


def test_loading_never_downloads(gi_home, monkeypatch):
    monkeypatch.setattr(download.urllib.request, "urlopen", lambda *a, **k: pytest.fail("a download without a request"))
    for name in archives.DATA_SETS:
        with pytest.raises(SpecError, match=f"python -m gi_core fetch {name}"):
            data.load(Experiment(samples=(f"{name}:0",)))


@pytest.mark.parametrize("name", ["mnist", "cifar100", "resnet18"])
def test_offline_is_one_sentence(gi_home, monkeypatch, name):
    def offline(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(download.urllib.request, "urlopen", offline)
    with pytest.raises(SpecError, match="cannot reach .*connect this machine to the internet"):
        fetching.fetch(name)
    assert not [p for p in paths.data_home().rglob("*") if p.is_file()]


def test_a_file_damaged_on_the_way_leaves_nothing(internet):
    internet["train-images-idx3-ubyte.gz"] = b"something else"
    with pytest.raises(SpecError, match="arrived damaged"):
        fetching.fetch("mnist")
    assert not [p for p in paths.data_home().rglob("*") if p.is_file()]


def test_unknown_names_suggest_the_nearest(gi_home):
    with pytest.raises(SpecError, match="did you mean 'cifar10'"):
        fetching.fetch("cifer10")


@pytest.mark.parametrize(
    ("ref", "allowed"),
    [
        ("bundled/astronaut", True),
        ("bundled/faces:3", True),
        ("mnist:7", True),
        ("mnist/train:7", True),
        ("cifar10", True),
        ("bundled", True),
        ("upload:" + "a" * 64, True),
        ("upload:../../etc/passwd", False),
        ("/etc/passwd", False),
        ("picture.png", False),
        ("folder:/etc:0", False),
        ("folder:{data}/pets:0", True),
        ("folder:{data}/pets", True),
        ("folder:{data}/../secret:0", False),
        ("folder:/secret:/..{data}/0", False),
        ("npz:{data}/set.npz", True),
        ("npz:/tmp/set.npz", False),
        ("weights.pt", False),
        ("mnist", True),
        ("", False),
    ],
)
def test_a_browser_may_name_no_free_path(gi_home, ref, allowed):
    assert data.browser_allowed(ref.format(data=paths.data_home())) is allowed


def test_the_catalogue_offers_what_can_be_loaded(gi_home):
    place = paths.data_home() / "pets" / "cat"
    place.mkdir(parents=True)
    Image.new("L", (8, 8)).save(place / "tom.png")
    offered = data.catalogue()
    for sample in offered:
        if sample.available:
            pictures = data.load(Experiment(samples=(sample.ref,)))
            assert pictures.labels.tolist() == [sample.label]
            assert pictures.class_names[sample.label] == sample.class_name and data.browser_allowed(sample.ref)
        else:
            assert "python -m gi_core fetch" in sample.missing
    assert {s.group for s in offered} >= {"Photographs", "Medical", "Documents", "Faces", "MNIST", "pets"}


def test_thumbnails_are_those_of_the_bundled_pictures():
    made = thumbnails.thumbnails()
    offered = {s.thumbnail for s in data.catalogue() if s.thumbnail}
    committed = {p.name for p in thumbnails.FOLDER.glob("*.png")}
    assert offered == set(made) == committed
    for name, pixels in made.items():
        stored = np.asarray(Image.open(thumbnails.FOLDER / name)).astype(int)
        assert stored.shape == pixels.shape and stored.shape[:2] == (96, 96)
        assert np.abs(stored - pixels).mean() < 2, f"{name}: run python -m gi_core.data.thumbnails"
