"""Which addresses of Dask are allowed: TLS, or this machine alone, as any client of a scheduler can run programs there."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from types import ModuleType
from urllib.parse import urlsplit

from gi_core.settings import SpecError

_MISSING = "Dask is not installed: python -m pip install -r requirements-cluster.txt"
_NO_CERTIFICATE = (
    "{} needs certificates: name them in Dask's settings, distributed.comm.tls (docs/beyond_one_machine.md)"
)
_OPEN = (
    "{} is not encrypted, and whoever reaches it can run programs: use tls:// (docs/beyond_one_machine.md), or"
    " 127.0.0.1 through an SSH tunnel"
)


def installed() -> ModuleType:
    """Raises SpecError where Dask, or what makes certificates, is not."""
    try:
        import cryptography  # noqa: F401
        import distributed
    except ImportError:
        raise SpecError(_MISSING) from None
    return distributed


def certified(address: str) -> None:
    """Raises SpecError where Dask's settings name no certificate for `tls:`, or a file that is not there."""
    try:
        context = installed().Security().get_connection_args("client").get("ssl_context")
    except (OSError, ValueError) as error:
        raise SpecError(f"the certificates for {address} cannot be read ({error})") from None
    if context is None:
        raise SpecError(_NO_CERTIFICATE.format(address))


def refuse_open(address: str) -> None:
    """Raises SpecError for an address that is none, or that others could listen to."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme not in ("tcp", "tls"):
        raise SpecError(f"{address!r} is no scheduler's address: write tls://HOST:PORT or tcp://127.0.0.1:PORT")
    if parts.scheme == "tcp" and not _loopback(host):
        raise SpecError(_OPEN.format(address))


def _loopback(host: str) -> bool:
    """Whether the name is this machine's, for itself alone."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
