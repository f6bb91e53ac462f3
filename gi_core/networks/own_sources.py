"""Where a person's own module comes from: a name in Python code, or a file of torch.export."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from typing import Any

from torch import nn

from gi_core.common.errors import SpecError
from gi_core.common.paths import user_path
from gi_core.common.vision import declare
from gi_core.networks.exported import opened
from gi_core.networks.trace_words import first_line


def load(source: str) -> nn.Module:
    """The module of `package.module:callable`, or of a `.pt2` file. Imports and calls that code. Raises SpecError."""
    return opened(user_path(source)) if source.endswith(".pt2") else _imported(source)


def _imported(source: str) -> nn.Module:
    place, _, path = source.partition(":")
    found: Any = _module(place, source)
    for name in path.split("."):
        if not hasattr(found, name):
            known = sorted(n for n, v in vars(found).items() if callable(v) and not n.startswith("_"))
            raise SpecError(f"{place} has no {name!r}: {_near(name, known)}")
        found = getattr(found, name)
    if not isinstance(found, nn.Module):
        found = _called(found, source)
    if not isinstance(found, nn.Module):
        raise SpecError(f"{source} gives a {type(found).__name__}, not a torch.nn.Module: return the network itself")
    return found


def _near(name: str, known: list[str]) -> str:
    from gi_core.settings.registry import suggestion

    return suggestion(name, known) if known else "it has no callables"


def _module(place: str, source: str) -> Any:
    """The Python module, with the folder that a person stands in on the path, as `python -m` has it."""
    declare()
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(error.name + ".")):
            raise SpecError(
                f"there is no Python module {error.name!r} for --model {source}: stand in the folder that holds it, or install it"
            ) from None
        raise SpecError(f"importing {place} stops: {first_line(error)}") from None
    except Exception as error:
        raise SpecError(f"importing {place} stops: {first_line(error)}") from None
    except SystemExit:
        raise SpecError(
            f"importing {place} ends the program: keep what it runs behind if __name__ == '__main__'"
        ) from None


def _called(found: Any, source: str) -> Any:
    if not callable(found):
        raise SpecError(f"{source} is a {type(found).__name__}, not a torch.nn.Module or what returns one")
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise SpecError(
            f"{source} needs arguments ({error}): name a function without any, which returns the network"
        ) from None
    except ValueError:
        pass  # a builtin that does not say what it takes
    try:
        return found()
    except Exception as error:
        raise SpecError(f"{source} stops: {first_line(error)}") from None
    except SystemExit:
        raise SpecError(f"{source} ends the program: name what returns the network") from None
