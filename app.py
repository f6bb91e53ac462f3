"""Gradient Inversion Studio: `streamlit run app.py`.

The server imports this file for what it is to serve, and runs it as a script for whoever looks at a page.
"""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.components import policy, shell

if get_script_run_ctx(suppress_warning=True) is None:
    app = st.App(__file__, middleware=[Middleware(policy.Policy)])
else:
    shell.run()
