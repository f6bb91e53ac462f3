"""Downloads on request: data sets into GI_DATA, in torchvision's layout; ImageNet weights."""

from __future__ import annotations

import tarfile
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.common.paths import data_home
from gi_core.common.progress import Progress, silent
from gi_core.data import archives, download
from gi_core.settings.library_network import is_library
from gi_core.settings.networks import TorchvisionModel
from gi_core.settings.registry import MODELS, suggestion

# Addresses and MD5 sums as in torchvision 0.28.
_IDX = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }),
    "fashion_mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    }),
}  # fmt: skip
_TAR = {
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
    ),
    "cifar100": (
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
    ),
}


def fetchable() -> list[str]:
    """Names that `fetch` takes: data sets, and networks with ImageNet weights."""
    networks = (kind for kind, cls in MODELS.items() if issubclass(cls, TorchvisionModel))
    return [*archives.DATA_SETS, *networks, "inception_v3"]


def fetch(dataset: str, progress: Progress = silent) -> Path:
    """Download a data set, or the published weights of a network (`timm:NAME` too), unless it is here. Its place.

    progress(fraction, text) is called often. Raises SpecError (offline is one sentence).
    """
    if dataset in archives.DATA_SETS:
        return _data_set(dataset, progress)
    if dataset in fetchable():
        from gi_core.networks.imagenet import fetch_weights

        return fetch_weights(dataset, progress)
    if is_library(dataset):
        from gi_core.networks import library_weights

        return library_weights.fetch(dataset, progress)
    raise SpecError(f"there is nothing called {dataset!r} to fetch: {suggestion(dataset, fetchable())}")


def _data_set(name: str, progress: Progress) -> Path:
    folder = data_home() / archives.DATA_SETS[name].folder
    if not all(archives.available(name, split) for split in ("train", "test")):
        if name in _IDX:
            base, files = _IDX[name]
            for k, (file, md5) in enumerate(files.items()):
                download.download(base + file, folder / file, _part(progress, k, len(files)), md5=md5)
        else:
            url, md5 = _TAR[name]
            archive = download.download(url, data_home() / url.rsplit("/", 1)[1], progress, md5=md5)
            _unpack(archive)
    progress(1.0, f"{archives.DATA_SETS[name].title} is in {folder}")
    return folder


def _part(progress: Progress, k: int, count: int) -> Progress:
    return lambda fraction, text: progress((k + fraction) / count, text)


def _unpack(archive: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(archive.parent, filter="data")
    except (tarfile.TarError, EOFError):
        archive.unlink(missing_ok=True)
        raise SpecError(f"{archive.name} is damaged and was deleted: fetch it again") from None
    except OSError as error:
        raise SpecError(f"cannot unpack {archive}: {error.strerror or error}") from None
    archive.unlink(missing_ok=True)
