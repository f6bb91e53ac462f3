"""What a browser may do with the studio's pages, as headers of every answer: nothing is loaded from elsewhere or framed.

Content Security Policy, level 3 (W3C). Scripts come from the server and from the studio's own components, which Streamlit
hands over as blobs; the one script inside Streamlit's page is known by its hash, and none is made of text. Styles are written
into elements.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import streamlit

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
Message = MutableMapping[str, Any]


def inline_hashes() -> Iterator[str]:
    """Hashes of the scripts inside the page that Streamlit serves, as a policy writes them."""
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    for script in _INLINE.findall(page.read_text("utf-8")) if page.is_file() else ():
        yield f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def policy() -> str:
    """The Content-Security-Policy."""
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", "blob:", *inline_hashes())),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' blob: data:",
        "worker-src": "'self' blob:",
        "frame-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


HEADERS: dict[str, str] = {
    "Content-Security-Policy": policy(),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Policy:
    """ASGI middleware that adds the headers to every answer, in place of any that is there."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self.own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in self.own}
                others = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
                message = {**message, "headers": [*others, *self.own]}
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)
