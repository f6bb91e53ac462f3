"""AlexNet's weights for LPIPS, downloaded on request, checked, and cut to what is used."""

from __future__ import annotations

import os
from pathlib import Path

from gi_core.common.paths import data_home
from gi_core.common.progress import Progress, silent
from gi_core.data.download import download
from gi_core.metrics.perceptual import FEATURES, URL, Unreadable, read_features
from gi_core.settings import SpecError

HASH = URL.rpartition("-")[2].removesuffix(".pth")  # torchvision names its files by their sha256


def fetch(progress: Progress = silent, url: str = URL, sha256: str = HASH) -> Path:
    """The features' file under GI_DATA/lpips, fetched unless it is there; the whole file is not kept.

    sha256: what the file's digest starts with. progress(fraction, text) is called for each block.
    Raises SpecError with one sentence when the network or the disk does not allow it, or the file
    is not the published one.
    """
    folder = data_home() / "lpips"
    kept = folder / FEATURES
    if not kept.is_file():
        whole = download(url, folder / url.rpartition("/")[2], progress, sha256_prefix=sha256)
        _cut(whole, kept)
        whole.unlink()
    progress(1.0, f"the LPIPS weights are in {folder}")
    return kept


def _cut(whole: Path, kept: Path) -> None:
    """Keep the convolutions of the downloaded file, which are all that is used: 10 of 233 MB."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        state = read_features(whole)
    except Unreadable as error:
        raise SpecError(f"{error}: delete it and fetch it again") from None
    part = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
    try:
        save_file({k: v.contiguous() for k, v in state.items() if k.startswith("features.")}, part)
        os.replace(part, kept)
    except (OSError, SafetensorError) as error:
        raise SpecError(f"cannot write {kept}: {error}") from None
    finally:
        part.unlink(missing_ok=True)
