"""A finished sweep that ships with the program, so that a page's first view is not empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from pages.shared.pictures import uri
from pages.shared.places import ASSETS

FOLDER = ASSETS / "sweeps"


class Recorded:
    """rows: as `experiments.sweeps.table.records` gives them, those columns that are needed, and the head of the verdict.

    A run's id is its position, from 1: pictures are found by it, and there is no run to open.
    """

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        table = json.loads((folder / f"{name}.json").read_text())
        self.rows: list[dict[str, Any]] = [
            {column: v[k] if isinstance(v, list) else v for column, v in table.items()} | {"run_id": str(place)}
            for k, place in enumerate(table["position"])
        ]
        with np.load(folder / f"{name}.npz", allow_pickle=False) as pictures:
            places = [str(k) for k in pictures["positions"]]
            self._answers = dict(zip(places, pictures["answers"], strict=True))
            self._originals = dict(zip(places, pictures["originals"], strict=True))

    def answer(self, run: str) -> np.ndarray | None:
        """(H, W, C) uint8: what the attack got."""
        return self._answers.get(run)

    def original(self, run: str) -> np.ndarray | None:
        """(H, W, C) uint8: the private picture."""
        return self._originals.get(run)

    def pair(self, run: str) -> str | None:
        """Original and answer side by side, as a data URI."""
        answer, original = self.answer(run), self.original(run)
        if answer is None or original is None:
            return None
        return uri(np.concatenate([original, np.full_like(original[:, :1], 255), answer], axis=1))


@st.cache_resource(show_spinner=False)
def recorded(name: str) -> Recorded:
    """Read once."""
    return Recorded(name)
