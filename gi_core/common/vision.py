"""torchvision, imported in one place.

torchvision registers fake kernels for its compiled operators while it is imported. Where the
compiled part does not load (a CUDA wheel beside a CPU build of torch), the operators' schemas are
unknown and the import fails on `torchvision::nms`. None of these operators is used here, so
declaring their schemas is enough. Where the compiled part loads, nothing is declared.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_libraries: list[Any] = []  # a schema lives only as long as the library object that declared it
_lock = threading.Lock()


def import_torchvision() -> ModuleType:
    """torchvision, with or without its compiled operators. Import its parts after this call."""
    declare()
    return importlib.import_module("torchvision")


def declare() -> None:
    """Make sure that torchvision can be imported, by whoever does it next; it is not imported here."""
    import torch

    with _lock:
        if not _libraries:
            _load_compiled(torch)
            for name, schema in _SCHEMAS.items():
                if not hasattr(torch.ops.torchvision, name):
                    library = torch.library.Library("torchvision", "FRAGMENT")
                    library.define(schema)
                    _libraries.append(library)


def compiled() -> bool:
    """Whether torchvision's compiled operators loaded; known after `import_torchvision`."""
    return not _libraries


def _load_compiled(torch: Any) -> None:
    spec = importlib.util.find_spec("torchvision")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in (*Path(folder).glob("_C*.so"), *Path(folder).glob("_C*.pyd")):
            try:
                torch.ops.load_library(str(path))
            except (ImportError, OSError):
                continue  # built for another torch: the declarations above take its place
