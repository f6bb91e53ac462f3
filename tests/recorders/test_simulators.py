"""NVFlare and Flower in their simulators, each in an environment of its own: what is recorded, and what is withheld."""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gi_core.networks import build
from gi_core.settings.custom import CustomNet
from gi_core.settings.recorded_round import Recorded
from gi_core.update_files.round import read_round

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
NICE = ["nice", "-n", "10"] if shutil.which("nice") else []
UNREACHABLE = re.compile(
    r"from versions: none|NewConnectionError|ConnectionError|ConnectTimeout|Read timed out|Max retries"
)
FIRST = {"nvflare": 0, "flower": 1}  # as each counts rounds
CLIENTS = {"nvflare": ("site-1", "site-2"), "flower": ("client0", "client1")}


@pytest.fixture(scope="module", params=["nvflare", "flower"])
def framework(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def interpreter(framework: str) -> str:
    """Of `.venv-NAME` at the repository's root: made, or made anew when its requirements changed."""
    folder, wanted = ROOT / f".venv-{framework}", ROOT / f"requirements-{framework}.txt"
    python, mark = folder / "bin" / "python", folder / ".installed"
    digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    # Tests of one module may run in two processes, and the second must not clear what the first is filling.
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (python.exists() and mark.exists() and mark.read_text() == digest):
            subprocess.run([*NICE, sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [*NICE, str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            done = subprocess.run([*install, "-r", str(wanted)], capture_output=True, text=True)
            if done.returncode and UNREACHABLE.search(done.stderr):
                pytest.skip(f"{framework} is not installed here and the package index cannot be reached")
            assert done.returncode == 0, done.stderr[-3000:]
            mark.write_text(digest)
    has_torch = "import importlib.util as u; print(u.find_spec('torch') is not None)"
    done = subprocess.run([str(python), "-c", has_torch], capture_output=True, text=True)
    assert done.stdout.strip() == "False", "a recorder needs no torch"
    return str(python)


@pytest.fixture(scope="module")
def rounds(framework: str, interpreter: str, tmp_path_factory) -> Path:
    """The example, run with a gate that withholds what the second client sends in the first round."""
    place = tmp_path_factory.mktemp(framework)
    verdict = place / "verdict"
    yes, no = ({"send": send, "leaked": leaked, "sentence": "measured"} for send, leaked in ((True, 0.1), (False, 1.5)))
    second = f"round{FIRST[framework]}_{CLIENTS[framework][1]}"
    verdict.write_text(
        f"#!/bin/sh\ncase \"$*\" in *{second}*) echo '{json.dumps(no)}'; exit 3;; esac\necho '{json.dumps(yes)}'\n"
    )
    verdict.chmod(0o755)
    command = [*NICE, interpreter, str(ROOT / "examples" / framework / "run.py"), str(place / "rounds")]
    command += ["--gate", json.dumps({"python": str(verdict), "threshold": 1.0})]
    if framework == "nvflare":
        command += ["--workspace", str(place / "workspace")]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"FLWR_HOME": str(place / "flwr")}
    log = place / "log"
    with open(log, "wb") as file:
        done = subprocess.run(command, cwd=place, env=environment, stdout=file, stderr=file, timeout=240)
    assert done.returncode == 0, log.read_text(errors="replace")[-4000:]
    return place / "rounds"


@pytest.fixture(scope="module")
def network() -> Any:
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        return importlib.import_module("network")
    finally:
        sys.path.remove(str(ROOT / "examples"))


def opened(folder: Path, name: str, network: Any) -> tuple[dict[str, np.ndarray], Any, dict]:
    """(weights before, update, info) of a recorded round, by the reader that the attacks use."""
    drawn = CustomNet(**json.loads((ROOT / "examples" / "network.json").read_text()))
    model = build(drawn, (1, network.SIDE, network.SIDE), network.CLASSES)
    files = Recorded(
        checkpoint=str(folder / f"{name}_global.safetensors"),
        update=str(folder / f"updates_{name}.npz"),
        statistics=str(folder / f"batchnorm_{name}.npz"),
        images=1,
    )
    before, update, info = read_round(model, files)
    return {k: v.numpy() for k, v in before.state_dict().items()}, update, info


def test_every_round_of_every_client_opens_and_is_what_the_client_did(framework, rounds, network):
    for number in (FIRST[framework], FIRST[framework] + 1):
        for place, client in enumerate(CLIENTS[framework]):
            name = f"round{number}_{client}"
            before, update, info = opened(rounds, name, network)
            after = network.train(before, *network.picture(place))
            assert info["steps"] == 1 and info["statistics_from"] == "file" and info["notices"] == []
            for key, value in update.tensors.items():
                np.testing.assert_allclose(value.numpy(), after[key] - before[key], atol=1e-6, err_msg=f"{name} {key}")
                assert float(value.abs().max()) > 0
            for key in ("running_mean", "running_var", "num_batches_tracked"):
                recorded = update.statistics[f"layer1_bn.{key}"].numpy()
                np.testing.assert_allclose(recorded, after[f"layer1_bn.{key}"], rtol=1e-5, atol=1e-6)
            note = json.loads((rounds / f"about_{name}.json").read_text())
            assert (note["framework"], note["client"], note["round"]) == (framework, client, number)
            assert note["statistics"] is True and note["entries"] == 8
            assert note["audit"]["send"] is not (number == FIRST[framework] and place == 1)


def test_what_was_withheld_never_reached_the_server(framework, rounds, network):
    first = FIRST[framework]
    one, two = CLIENTS[framework]
    start, update, _ = opened(rounds, f"round{first}_{one}", network)
    other = opened(rounds, f"round{first}_{two}", network)[1]
    then = opened(rounds, f"round{first + 1}_{one}", network)[0]
    for key, value in update.tensors.items():
        np.testing.assert_allclose(then[key], start[key] + value.numpy(), atol=1e-6, err_msg=key)
    kernels = "layer1.weight"
    assert np.abs(other.tensors[kernels].numpy() - update.tensors[kernels].numpy()).max() > 1e-3, "it would have shown"
