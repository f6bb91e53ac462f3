"""AlexNet's weights for LPIPS, downloaded on request, checked, and cut to what is used."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from gi_core.metrics.perceptual import FEATURES, URL
from gi_core.paths import data_home
from gi_core.spec import SpecError

Progress = Callable[[float, str], None]
HASH = URL.rpartition("-")[2].removesuffix(".pth")  # torchvision names its files by their sha256
BLOCK = 1 << 18


def fetch(progress: Progress = lambda fraction, text: None, url: str = URL, sha256: str = HASH) -> Path:
    """The features' file under GI_DATA/lpips. sha256: what the file's digest starts with.

    progress(fraction, text) is called for each block. Raises SpecError with one sentence when the
    network or the disk does not allow it, or the file is not the published one.
    """
    folder = data_home() / "lpips"
    name = url.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as working:
            whole, part = Path(working) / name, Path(working) / FEATURES
            if not _download(url, whole, progress).startswith(sha256):
                raise SpecError(f"{name} arrived damaged: fetch it again")
            progress(1.0, "keeping what is used")
            _cut(whole, part)
            os.replace(part, folder / FEATURES)
    except urllib.error.URLError as error:
        host = url.split("/")[2]
        raise SpecError(
            f"cannot download from {host} ({error.reason}): go online and try again, or copy {name} into {folder}"
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise SpecError(f"the disk is full: free 250 MB under {folder} and try again") from None
        raise SpecError(f"the download failed ({error.strerror or error}): try again") from None
    return folder / FEATURES


def _download(url: str, path: Path, progress: Progress) -> str:
    """Write the file; returns its sha256."""
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=30) as source, path.open("wb") as target:
        total = int(source.headers.get("Content-Length") or 0)
        while block := source.read(BLOCK):
            target.write(block)
            digest.update(block)
            done += len(block)
            progress(done / total if total else 0.0, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")
    return digest.hexdigest()


def _cut(whole: Path, part: Path) -> None:
    """Only the convolutions are used: 10 of 233 MB."""
    import torch
    from safetensors.torch import save_file

    state = torch.load(whole, map_location="cpu", weights_only=True)
    save_file({k: v.contiguous() for k, v in state.items() if k.startswith("features.")}, part)
