"""Where a sweep's table and files go that a person asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gi_core.cli import files
from gi_core.common.paths import user_path
from gi_core.jobs.store import Store
from gi_core.settings import SpecError


class Target:
    """out: folder for everything, runs included. csv, html: a file each. Checked before anything runs; raises SpecError."""

    def __init__(self, out: str | None, csv: str | None, html: str | None) -> None:
        self.out = files.folder(out) if out else None
        self.csv, self.html = _place(csv), _place(html)
        if self.out is not None:
            self.csv, self.html = self.csv or self.out / "rows.csv", self.html or self.out / "rows.html"

    def write(self, store: Store, sweep: str) -> dict[str, Any]:
        """Write what there is, finished or not; {rows, csv, html, out}. Raises SpecError."""
        from gi_core.experiments.sweeps import table
        from gi_core.jobs import sweeps

        rows, asked = table.records(store, sweep), sweeps.sweep_of(store, sweep)
        made = {
            "rows": rows, "csv": _named(self.csv), "html": _named(self.html), "out": _named(self.out),
        }  # fmt: skip
        if self.csv is not None:
            _write(self.csv, table.to_csv(rows))
        if self.html is not None:
            _write(self.html, table.to_html(rows, asked.name, asked.question))
        if self.out is not None:
            _write(self.out / "sweep.json", asked.model_dump_json(indent=2) + "\n")
            for entry in sweeps.members(store, sweep):
                if entry.job is not None and entry.job.result is not None:
                    place = files.folder(str(self.out / "runs" / f"{entry.position + 1:04d}"))
                    files.export(store.path(entry.job.id), place, {**entry.job.result, "out": str(place)})
        return made


def _place(name: str | None) -> Path | None:
    if not name:
        return None
    path = user_path(name)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise SpecError(f"cannot write {name!r}: give a file that may be written, in a folder that exists")
    return path


def _named(path: Path | None) -> str | None:
    return str(path) if path is not None else None


def _write(path: Path, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise SpecError(f"cannot write {str(path)!r}: {error.strerror}") from None
