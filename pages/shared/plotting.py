"""plotly's script, served once: 5 MB (1.5 MB compressed) that a browser keeps, in place of a copy with each chart."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit import config

from gi_core.figures import script

ADDRESS = f"gi/plotly-{version('plotly')}.js"
"""Below the dashboard's own address. The version is in it, so that a browser may keep the script for good."""
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@cache
def _compressed() -> bytes:
    return gzip.compress(script().read_bytes(), 6)


def _serve(request: Request) -> Response:
    """The script. Starlette calls it in a thread: compressing takes a fifth of a second, once."""
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_compressed(), media_type="text/javascript", headers={**_KEPT, "Content-Encoding": "gzip"})
    return Response(script().read_bytes(), media_type="text/javascript", headers=_KEPT)


def route() -> Route:
    """Where the server answers with it, below the path that the server was told to stand at."""
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    return Route(f"/{base}/{ADDRESS}" if base else f"/{ADDRESS}", _serve)
