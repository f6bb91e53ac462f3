"""The dashboard without workers: `python -m tests.browser.still run app.py …`, so that a test plays the worker's part."""

from __future__ import annotations

import sys

from gi_core.jobs.dispatcher import Dispatcher

if __name__ == "__main__":
    from streamlit.web.cli import main

    Dispatcher.ensure = lambda self: None  # type: ignore[method-assign]
    sys.exit(main())
