"""Gradient Inversion Studio: `streamlit run app.py`."""

from __future__ import annotations

from pages.components import shell

shell.run()
