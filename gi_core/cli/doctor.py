"""What this machine has, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.common.paths import data_home, home
from gi_core.data import archives, bundled

Row = tuple[str, bool, str, str]
ENOUGH_BYTES = 2 * 10**9
_PACKAGES = ("torch", "torchvision", "scikit-image", "streamlit", "lpips")


def report() -> list[Row]:
    """(name, ok, detail, remedy) per line; remedy is empty where nothing is to be done.

    Nothing is downloaded and nothing is changed.
    """
    return [*_software(), *_device(), *_data(), *_weights(), *_disk()]


def _software() -> Iterator[Row]:
    yield "Python", True, platform.python_version(), ""
    for name in _PACKAGES:
        try:
            yield name, True, version(name), ""
        except PackageNotFoundError:
            yield name, False, "not installed", "pip install -r requirements.txt"
    try:
        from gi_core.common.vision import compiled, import_torchvision

        import_torchvision()
        kernels = "compiled operators loaded" if compiled() else "compiled operators declared only (none is needed)"
        yield "torchvision import", True, kernels, ""
    except (ImportError, RuntimeError) as error:
        yield "torchvision import", False, str(error).splitlines()[0], "pip install -r requirements.txt"


def _device() -> Iterator[Row]:
    try:
        import torch
    except ImportError as error:
        yield "device", False, str(error), "pip install -r requirements.txt"
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "CPU", True, f"{cores} cores for this process, {torch.get_num_threads()} torch threads", ""
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory
        yield "CUDA", True, f"{torch.cuda.get_device_name(0)}, {memory / 2**30:.0f} GiB", ""
    elif torch.backends.mps.is_available():
        yield "MPS", True, "Apple GPU", ""
    else:
        built = "this torch is a CPU build" if torch.version.cuda is None else "no NVIDIA device is visible"
        yield "CUDA", True, f"none: {built}; everything runs on the CPU", ""


def _data() -> Iterator[Row]:
    try:
        present = bundled.data_folder().is_dir()
        yield (
            "bundled pictures",
            present,
            f"{len(bundled.PICTURES)} pictures, {bundled.FACES} faces",
            "" if present else "pip install scikit-image",
        )
    except SpecError as error:
        yield "bundled pictures", False, str(error), "pip install -r requirements.txt"
    for name, data_set in archives.DATA_SETS.items():
        splits = [s for s in ("test", "train") if archives.available(name, s)]
        detail = (
            f"{' and '.join(splits)} in {data_home() / data_set.folder}" if splits else "not on this machine (optional)"
        )
        yield (
            data_set.title,
            len(splits) == 2,
            detail,
            "" if len(splits) == 2 else f"python -m gi_core fetch {name}",
        )


def _weights() -> Iterator[Row]:
    try:
        from gi_core.metrics.perceptual import weights_file
        from gi_core.networks.imagenet import FILES, path_of
    except ImportError:
        return  # said above: a package is not installed
    found = weights_file()
    yield (
        "LPIPS weights",
        found is not None,
        str(found or "not on this machine (optional)"),
        "" if found else "python -m gi_core fetch lpips",
    )
    for kind in FILES:
        here = path_of(kind).is_file()
        detail = str(path_of(kind)) if here else "not on this machine (optional)"
        yield f"ImageNet {kind}", here, detail, "" if here else f"python -m gi_core fetch {kind}"


def _disk() -> Iterator[Row]:
    try:
        path = home()
        yield _place("GI_HOME", path, "runs")
    except SpecError as error:
        detail, _, remedy = str(error).rpartition(": ")
        yield "GI_HOME", False, detail, remedy
    yield _place("GI_DATA", data_home(), "data sets and downloaded weights")


def _place(name: str, path: Path, what: str) -> Row:
    there = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(there).free
    detail = f"{path} ({what}), {free / 1e9:.1f} GB free"
    if not os.access(there, os.W_OK):
        return name, False, detail + ", not writable", f"set {name} to a folder you can write to"
    if free < ENOUGH_BYTES:
        return name, False, detail, "delete old runs, or move them: set " + name
    return name, True, detail, ""
