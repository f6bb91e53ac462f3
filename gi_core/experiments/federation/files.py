"""What a federation leaves in its folder: the best pictures of each attacked round, and its state to go on from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.common import whole_files
from gi_core.experiments.federation.rounds import Carried
from gi_core.experiments.picture_files import save_png, sheet

SHOWN = 4
"""Most pictures of a client that are shown of a round, those most like their originals first."""
STATE = "checkpoint.pt"


@dataclass(frozen=True)
class State:
    """rounds: done. model: state dict of the global network after them. document: what was found so far. carried: what
    else goes into the next round.
    """

    rounds: int
    model: dict[str, Tensor]
    document: dict[str, Any]
    carried: Carried


def save_state(folder: Path, key: str, state: State) -> None:
    """Write the state, whole or not at all: tensors, numbers and text only."""
    content = {"key": key, "rounds": state.rounds, "model": state.model, "document": json.dumps(state.document)}
    content |= {"velocity": state.carried.velocity, "memories": state.carried.memories, "kept": state.carried.kept}
    whole_files.write(folder / STATE, lambda file: torch.save(content, file))


def load_state(folder: Path, key: str, model: nn.Module) -> State | None:
    """The state of this very federation, loaded into `model`; None where there is none or it cannot be read."""
    try:
        found = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        if found["key"] != key:
            return None
        model.load_state_dict(found["model"])
        carried = Carried(found["velocity"], found["memories"], found.get("kept", {}))
        return State(int(found["rounds"]), found["model"], json.loads(found["document"]), carried)
    except Exception:  # noqa: BLE001 - a damaged file raises many kinds; the federation then starts anew
        return None


def pictures(
    folder: Path, number: int, client: int, images: np.ndarray, originals: np.ndarray, values: list[float | None]
) -> dict[str, Any]:
    """Write the reconstructions most like their originals, and their originals, in a row each; {found, original, shown}: names and indices.

    images: (N, C, H, W), image i the reconstruction of original i. client: from 1. values: what to rank by.
    """
    order = sorted(range(len(values)), key=lambda i: (values[i] is None, -(values[i] or 0.0)))[:SHOWN]
    names = {}
    for word, source in (("found", images), ("original", originals)):
        names[word] = f"round_{number:04d}_client_{client:03d}_{word}.png"
        row = [sheet(np.clip(np.nan_to_num(source[i : i + 1], nan=0.5), 0, 1)) for i in order]
        save_png(folder / names[word], np.concatenate(row, axis=1))
    return {**names, "shown": order}
