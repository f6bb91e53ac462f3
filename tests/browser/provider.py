"""A provider of identities on 127.0.0.1: just as much of OpenID Connect as a sign-in takes, and whoever is asked for signs in."""

from __future__ import annotations

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "studio", "a secret of the studio's"


class Provider:
    """people: name -> more claims. Start it as a context; `url` is its issuer."""

    def __init__(self, people: dict[str, dict[str, Any]]) -> None:
        self.people = people
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Provider:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/.well-known/openid-configuration":
            self._json(request, {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks", "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            })  # fmt: skip
        elif asked.path == "/jwks":
            self._json(request, {"keys": [self.key.as_dict(private=False)]})
        elif asked.path == "/authorize":
            links = "".join(f'<a href="/enter?{urlencode({**query, "who": who})}">{who}</a> ' for who in self.people)
            self._send(request, 200, f"<h1>Who are you?</h1>{links}".encode(), "text/html")
        elif asked.path == "/enter" and query["client_id"] == CLIENT:
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
            request.send_response(302)
            request.send_header("Location", back)
            request.end_headers()
        else:
            self._send(request, 404, b"", "text/plain")

    def post(self, request: BaseHTTPRequestHandler) -> None:
        form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        asked = self.codes.pop(form["code"][0])
        assert form["redirect_uri"][0] == asked["redirect_uri"]
        who, now = asked["who"], int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": f"number of {who}", "iat": now, "exp": now + 600,
            "nonce": asked.get("nonce"), "name": who, **self.people[who],
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        self._json(
            request,
            {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 600, "id_token": token},
        )

    def _json(self, request: BaseHTTPRequestHandler, value: Any) -> None:
        self._send(request, 200, json.dumps(value).encode(), "application/json")

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, code: int, body: bytes, kind: str) -> None:
        request.send_response(code)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
