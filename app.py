"""Gradient Inversion Studio: `streamlit run app.py`.

The server imports this file for what it is to serve, and runs it as a script for whoever looks at a page.
"""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import plotting, policy, shell

PAGES = {
    "": {"lab": "Lab", "lessons": "Lessons", "runs": "Runs"},
    "Explain": {"rank": "Rank analysis", "influence": "Influence", "words": "What the words mean"},
    "Deployment": {"deployment": "Check a deployment", "federation": "Federation", "updates": "Updates"},
    "Compare": {
        "frontier": "Frontier",
        "wall": "Comparison wall",
        "sweeps": "Sweeps",
        "reproductions": "Reproductions",
    },
}
"""Section of the navigation -> address -> title. The page `lab` is `pages/lab/page.py`, and so on. Those without a section stand
first, always in sight; the first of all is where a visitor arrives.
"""

if get_script_run_ctx(suppress_warning=True) is None:
    # Until a run has told it otherwise, Streamlit takes pages/ for an app of its old kind.
    PagesManager.uses_pages_directory = False
    app = st.App(__file__, routes=[plotting.route()], middleware=[Middleware(policy.Policy)])
else:
    shell.run(PAGES)
