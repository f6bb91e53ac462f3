"""Versions and hardware: of this machine, for what is made on it."""

from __future__ import annotations

import os
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "numpy", "scikit-image", "plotly")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Name -> version, of this program and what it computes with. Nothing is imported for it."""
    # this package is loaded, and importing it from here would be a circle
    own = sys.modules[__name__.partition(".")[0]].__version__
    found = {"gradient-inversion-studio": own, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor and its cores, in a line."""
    try:
        with open(Path("/proc/cpuinfo"), encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}"
