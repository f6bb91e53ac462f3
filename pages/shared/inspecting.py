"""What a worker finds in files that a person gave: asked for once, and again after it was cancelled."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import streamlit as st

from gi_core.jobs.job import Job
from pages.shared.session import dispatcher, store, viewer


def looked(kind: str, asked: dict[str, Any], kept: str) -> Job | None:
    """The job that looks at them. kind: begins its name. kept: where the session keeps which jobs were asked. Raises SpecError."""
    name = f"{kind}:" + hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:24]
    known = st.session_state.setdefault(kept, {})
    job = store().job(known.get(name, ""))
    if job is None or job.state == "cancelled":
        dispatcher().ensure()
        known[name] = store().submit("inspect", asked, owner=viewer() or "", cache_key=name, title=name, priority=1)
        job = store().job(known[name])
    return job
