"""A round of three entries, what its files must hold, and stand-ins for an interpreter that audits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

BEFORE = {
    "fc.weight": np.array([[1.0, 2.0]], np.float32),
    "bn.running_mean": np.array([0.5], np.float32),
    "bn.num_batches_tracked": np.array(3, np.int64),
}
AFTER = {
    "fc.weight": np.array([[1.5, 1.0]], np.float32),
    "bn.running_mean": np.array([0.75], np.float32),
    "bn.num_batches_tracked": np.array(4, np.int64),
}


def read(folder: Path, kind: str, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{kind}_{name}.npz") as file:
        return {key: file[key] for key in file.files}


def expect_recorded(folder: Path, name: str) -> dict:
    change = read(folder, "updates", name)
    assert change["fc.weight"].tolist() == [[0.5, -1.0]] and change["bn.num_batches_tracked"] == 1
    assert read(folder, "batchnorm", name)["bn.running_mean"].tolist() == [0.75]
    assert (folder / f"{name}_global.safetensors").is_file()
    return json.loads((folder / f"about_{name}.json").read_text())


def interpreter(tmp_path: Path, body: str) -> str:
    """A stand-in for an interpreter: whatever it is asked, it runs this shell line."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def says(send: object, leaked: object, code: int = 0) -> str:
    answer = json.dumps({"send": send, "leaked": leaked, "threshold": 1.0, "sentence": "so it is"})
    return f"echo working; echo '{answer}'; exit {code}"
