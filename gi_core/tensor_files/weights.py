"""Weights files: read without executing anything, checked against the network, written whole."""

from __future__ import annotations

import json
import pickle
import re
import stat
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.common.vetting import vetted
from gi_core.common.whole_files import replace
from gi_core.common.zips import unpacked
from gi_core.tensor_files import naming, transformers
from gi_core.tensor_files.asides import NOTHING, WRAPPERS, aside, unwrapped
from gi_core.tensor_files.held import held, is_held
from gi_core.tensor_files.plain import plain
from gi_core.tensor_files.reading import is_torch, path_of
from gi_core.tensor_files.safetensors import is_safetensors, read_header

MAX_BYTES = 2 * 2**30


def read_state(path: Path, name: str, update: bool = False) -> dict[str, Tensor]:
    """Tensors of a `.safetensors` file or a `.pt` state dict, by its content. Raises SpecError.

    update: whether it is one of what a client sent, which may be a list of tensors too, named by their places; None stands
    for a parameter without a gradient. A pickle that names anything but tensors and containers is refused unexecuted.
    """
    try:
        status = path.stat()
        size = status.st_size
        if not (stat.S_ISREG(status.st_mode) and size):  # a pipe may never end
            raise SpecError(f"weights {name} are no file, or an empty one: give .safetensors, or .pt with a state dict")
        with open(path, "rb") as file:
            head = file.read(9)
    except OSError as error:
        raise SpecError(f"cannot read weights {name}: {error.strerror or error}") from None
    whole = max(size, unpacked(path, name) if head.startswith(b"PK") else 0)
    if whole > MAX_BYTES:
        raise SpecError(f"weights {name} are larger than {MAX_BYTES / 2**30:.0f} GB: give a smaller file")
    vetted(path, f"weights {name}", lambda: _read(path, name, head, size), whole)
    state = _read(path, name, head, size)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if update:
        state = unwrapped(state, Tensor)
    if update and isinstance(state, (list, tuple)):
        state = {str(place): value for place, value in enumerate(state) if value is not None}
    if update and isinstance(state, dict) and any(isinstance(value, Tensor) for value in state.values()):
        state = {key: _single(value) if aside(value) else value for key, value in state.items()}
    if update and not (isinstance(state, dict) and state and all(isinstance(v, Tensor) for v in state.values())):
        raise SpecError(
            f"{name} holds no update: give a dictionary of tensors by their names, or a list in the network's order"
        )
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise SpecError(f"weights {name} hold no state dict: save model.state_dict()")
    return plain({str(key).removeprefix("module."): value for key, value in state.items()}, name, MAX_BYTES)


def _single(value: object) -> Tensor:
    """A number as a tensor without dimensions; anything else as one without values, which is left out later."""
    try:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return torch.tensor(value, dtype=torch.float32) if number else torch.from_numpy(NOTHING.copy())
    except (OverflowError, RuntimeError):
        return torch.from_numpy(NOTHING.copy())


def _read(path: Path, name: str, head: bytes, size: int) -> object:
    return _safetensors(path, name) if is_safetensors(head, size) else _torch(path, name, head)


def _safetensors(path: Path, name: str) -> dict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    read_header(path, f"weights {name}")  # checked, before the library multiplies what it says
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError):
        raise SpecError(f"weights {name} are a damaged safetensors file: save them again") from None


def _torch(path: Path, name: str, head: bytes) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch remarks on newer pickle protocols before it refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        bare = head.startswith(b"\x80")  # a pickle that torch did not write, with what torch never writes
        if bare or re.search(r"unsupported (global|class)", str(error), re.IGNORECASE):
            raise SpecError(
                f"weights {name} hold code, not only tensors, and were refused without running it:"
                " save model.state_dict(), best as safetensors"
            ) from None
        raise SpecError(f"weights {name} are no weights file: give .safetensors, or .pt with a state dict") from None
    except Exception:  # torch's reader raises many kinds on damaged files
        raise SpecError(f"weights {name} are no weights file: give .safetensors, or .pt with a state dict") from None


def load_state(model: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Copy `state` into `model`. Raises one SpecError that lists what is missing, extra or misshapen."""
    own = model.state_dict()
    reason = naming.mismatch(shapes(own), shapes(state), counters(own))
    if reason:
        raise SpecError(f"weights {name} are of another architecture: {reason}")
    _copy(model, state, f"weights {name}")


def load_checkpoint(model: nn.Module, reference: str) -> str:
    """Load a recorded round's global network into `model`, whatever scheme its names follow; the scheme in words.

    reference: a path, `upload:SHA256`, or what Python holds. Raises SpecError that lists what is missing, extra or misshapen.
    """
    if is_held(reference):
        load_state(model, {key: torch.from_numpy(value) for key, value in held(reference).items()}, "that Python holds")
        return "as given"
    path, name = path_of(reference)
    own, state = model.state_dict(), read_state(path, name)
    state, adopted, _ = transformers.state_for(model, state, name)
    name = f"checkpoint {name}"
    # A `.pt` keeps the order of the network, safetensors are sorted.
    found = naming.aligned(shapes(own), shapes(state), name, counters(own), ordered=is_torch(path))
    # A counter may have been saved as a vector of one.
    _copy(model, {key: state[old].reshape(own[key].shape) for key, old in found.given.items()}, name)
    return adopted or found.scheme


def shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Shape of every entry."""
    return {key: tuple(value.shape) for key, value in state.items()}


def counters(state: dict[str, Tensor]) -> set[str]:
    """Entries that older files lack: they change no output."""
    return {key for key in state if key.endswith(naming.COUNTER)}


def _copy(model: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Values are checked as the network will hold them: what float64 held may be infinite in float32."""
    own = model.state_dict()
    whole = [key for key in state if key in own and own[key].is_floating_point() and not state[key].is_floating_point()]
    if whole:
        raise SpecError(
            f"{name} hold whole numbers in {whole[0][:60]}, where the network has real ones: save float32 values, dequantised"
        )
    cast = {key: state[key].to(own[key].dtype) for key in own if key in state}
    if not all(torch.isfinite(v).all() for v in (*state.values(), *cast.values()) if v.is_floating_point()):
        raise SpecError(f"values of {name} are not finite: train or save them again")
    model.load_state_dict(cast, strict=False)


def write_state(model: nn.Module, path: Path, info: dict) -> None:
    """Weights as safetensors and `info` as JSON beside them, each renamed into place. Raises SpecError."""
    from safetensors.torch import save

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
        replace(path.with_suffix(".json"), lambda file: file.write(json.dumps(info, sort_keys=True).encode()))
        replace(path, lambda file: file.write(save(tensors)))
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror or error}") from None
