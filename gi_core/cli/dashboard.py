"""`app`: the dashboard, from wherever the package lies."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec

from gi_core.common.paths import studio
from gi_core.settings import SpecError

INSTALL = "the dashboard needs Streamlit: pip install 'gradient-inversion-studio[app]'"


def app(arguments: argparse.Namespace) -> int:
    """Serve the pages on 127.0.0.1 until Ctrl-C; the exit code of the server. Raises SpecError without Streamlit."""
    if find_spec("streamlit") is None:
        raise SpecError(INSTALL)
    command = [sys.executable, "-m", "streamlit", "run", str(studio() / "app.py")]
    return serve(command + ([] if arguments.port is None else ["--server.port", str(arguments.port)]))


def serve(command: list[str]) -> int:
    """Become that command: Ctrl-C and other signals are the server's own, which ends its workers."""
    sys.stdout.flush()
    os.execv(command[0], command)


def port(word: str) -> int:
    """A port that anybody may open."""
    if not (word.isascii() and word.isdigit() and len(word) <= 5 and 1024 <= int(word) <= 65535):
        raise argparse.ArgumentTypeError("give a port from 1024 to 65535")
    return int(word)
