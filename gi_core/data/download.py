"""Fetching a file on request: streamed, checked against its hash, renamed into place."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from gi_core.common.errors import SpecError
from gi_core.common.progress import Progress, silent

TIMEOUT_SECONDS = 20
_BLOCK = 1 << 18


def download(url: str, target: Path, progress: Progress = silent, *, md5: str = "", sha256_prefix: str = "") -> Path:
    """Fetch `url` to `target` (kept if it is there already). progress gets fractions of this file.

    Raises SpecError: offline, refused by the host, damaged on the way, disk full.
    """
    if target.is_file():
        return target
    name, host = target.name, url.split("/")[2]
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{name}.", delete=False) as file:
            part = Path(file.name)
            digests = _stream(url, file, lambda f, text: progress(f, f"{name}: {text}"))
        if (md5 and digests[0] != md5) or not digests[1].startswith(sha256_prefix):
            raise SpecError(f"{name} from {host} arrived damaged (its hash is wrong): try again")
        os.replace(part, target)
        return target
    except urllib.error.HTTPError as error:
        raise SpecError(
            f"{host} refused {name} (HTTP {error.code}): try again later, or put the file at {target}"
        ) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException):
        raise SpecError(
            f"cannot reach {host}: connect this machine to the internet, or put {name} at {target}"
        ) from None
    except OSError as error:
        raise SpecError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _stream(url: str, file: IO[bytes], progress: Progress) -> tuple[str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "gi_core"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        total = int(response.headers.get("Content-Length") or 0)
        free = shutil.disk_usage(Path(file.name).parent).free
        if total > free:
            raise OSError(None, f"{total / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")
        done = 0
        while block := response.read(_BLOCK):
            file.write(block)
            md5.update(block)
            sha256.update(block)
            done += len(block)
            progress(
                done / total if total else 0.0, f"{done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else "")
            )
    if total and done != total:
        raise ConnectionError("the connection broke")
    return md5.hexdigest(), sha256.hexdigest()
