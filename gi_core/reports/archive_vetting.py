"""An archive from a page is read first by a process of its own, with a deadline and little memory: `python -m gi_core.reports.archive_vetting FILE NAME`.

The server reads only what that process has read to its end.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

from gi_core.common.memory_limit import limit_growth
from gi_core.reports.archive_reading import Archive
from gi_core.settings import SpecError

SECONDS, MEMORY = 60, 5 * 2**29
"""Of processor time and of waiting; bytes that reading may add."""
_REFUSED = 2


def vetted(path: Path, name: str) -> None:
    """Let a process read the whole archive. Raises SpecError with the sentence of what is wrong with it, or that it took too long."""
    package = Path(__file__).resolve().parents[2]
    name = "".join(letter for letter in name if letter.isprintable())
    command = [sys.executable, "-m", "gi_core.reports.archive_vetting", str(path), name]
    try:
        done = subprocess.run(
            command, cwd=package, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SpecError(
            f"reading {name} takes longer than {SECONDS} seconds: take the archives of its runs one by one"
        ) from None
    said = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode == _REFUSED and said:
        raise SpecError(said)
    if done.returncode != 0:
        raise SpecError(
            f"reading {name} ended a process, so it is damaged: take the archive again where the run was made"
        )


def main(path: str, name: str) -> int:
    """Read everything and keep nothing; print what is wrong. The exit code: 0, or 2 where it is refused."""
    with suppress(ImportError, OSError, ValueError):  # a system without such limits has the deadline alone
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limit_growth(MEMORY)
    try:
        with closing(Archive(Path(path), name)) as archive:
            for _ in archive.runs():
                pass
            if archive.manifest.kind == "sweep":
                archive.sweep()
    except SpecError as error:
        print(error)
        return _REFUSED
    except MemoryError:
        print(
            f"reading {name} needs more than {MEMORY / 2**30:.1f} GiB of memory: take the archives of its runs one by one"
        )
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
