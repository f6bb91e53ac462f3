"""The updates page as a person fills it, and a worker's answers about the files."""

from __future__ import annotations

import io
import json

import numpy as np
from streamlit.testing.v1 import AppTest

from gi_core.jobs.job import Job
from tests import pages_fakes as fakes
from tests.pages.opened import opened

LAYERS = {
    "conv0.weight": (8, 3, 3, 3), "conv0.bias": (8,), "bn0.weight": (8,), "bn0.bias": (8,), "bn0.running_mean": (8,),
    "bn0.running_var": (8,), "bn0.num_batches_tracked": (), "conv1.weight": (16, 8, 3, 3), "conv1.bias": (16,),
    "bn1.weight": (16,), "bn1.bias": (16,), "bn1.running_mean": (16,), "bn1.running_var": (16,),
    "bn1.num_batches_tracked": (), "fc.weight": (5, 144), "fc.bias": (5,),
}  # fmt: skip


def page(**query) -> AppTest:
    return opened("updates", **query)


def content(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **(arrays or {"conv0.weight": np.ones((8, 3, 3, 3), np.float32)}))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def upload(app: AppTest, part: str, name: str, data: bytes) -> AppTest:
    app.file_uploader(key=f"updates_{part}").set_value((name, data, "application/octet-stream")).run()
    assert not app.exception, app.exception
    return app


def looks(store) -> list[Job]:
    return store.jobs(kinds=("inspect",))


def looked_into(spec: dict, **more) -> dict:
    """What a worker answers about a ConvNet's update, with the network if it was asked about one."""
    whole = "checkpoint" in spec["recorded"]
    layers = [
        {
            "name": name, "file_name": "model." + name, "shape": list(shape), "values": int(np.prod(shape)), "norm": 0.5 / (k + 1),
            "relative": 0.05 / (k + 1) if whole and "running" not in name else None, "buffer": "running" in name or "tracked" in name,
        }
        for k, (name, shape) in enumerate(LAYERS.items())
    ]  # fmt: skip
    return {
        "status": "done", "layers": layers, "parameters": 2245, "norm": 0.47, "finite": True, "not_finite": [], "classes": 5,
        "channels": 3, "steps": 2, "learning_rate": None, "scheme": "prefix model." if "model" in spec else None,
        "checkpoint_scheme": "prefix model." if whole else None, "problem": None, "notices": [],
        "statistics": {"present": True, "from": "change", "entries": 4}, **more,
    }  # fmt: skip


def answer(store, app: AppTest, **more) -> AppTest:
    """Answer every look into the files that waits, as a worker would, until none is asked for any more."""
    for _ in range(4):
        waiting = [job for job in looks(store) if not job.over]
        if not waiting:
            break
        for job in waiting:
            out = fakes.writer(store)
            out.take(job.id)
            out.finish(job.id, "done", looked_into(job.spec, **more))
        app.run()
        assert not app.exception, app.exception
    return app


def given(store, **more) -> AppTest:
    """A page with an update and its checkpoint, looked into."""
    app = upload(page(), "update", "updates_r1.npz", content())
    answer(store, app, **more)
    upload(app, "checkpoint", "r1_global.safetensors", safetensors())
    return answer(store, app, **more)


def asked(app: AppTest):
    return app.session_state["updates.experiment"]


def run_button(app: AppTest):
    return fakes.button(app, "run_attack")


def failed(store, job: Job, error: str) -> None:
    out = fakes.writer(store)
    out.take(job.id)
    out.finish(job.id, "failed", error=error)


def question_ref(app: AppTest, part: str) -> str:
    return getattr(asked(app).recorded, part)
