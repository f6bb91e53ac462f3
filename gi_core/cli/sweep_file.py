"""A sweep as a person names it: a file, or one of the ready ones; and what is known of it before anything is queued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gi_core.cli import files
from gi_core.common.paths import user_path
from gi_core.settings import Experiment, SpecError
from gi_core.settings.documents import MOST_BYTES
from gi_core.settings.sweep import Sweep, build_sweep, read_sweep

_TEXTS = ("name", "labels", "question")
_FOLDERS = ("folder:", "npz:")


def named(name: str) -> Sweep:
    """The sweep of a TOML or JSON file, or the ready one of that name. Raises SpecError."""
    from gi_core.experiments.sweeps import ready, ready_sweep

    path = user_path(name)
    if not path.exists() and not path.suffix and path.name == name:
        if name in ready():
            return ready_sweep(name)
        known = ", ".join(ready())
        raise SpecError(f"there is neither a file nor a ready sweep {name!r}: ready are {known}")
    sweep = read_sweep(files.content(path, repr(name), MOST_BYTES), path.suffix.lower() == ".toml")
    return build_sweep(absolute(sweep.model_dump(mode="json")))


def absolute(value: Any) -> Any:
    """The value with every path of a file or folder written in full: workers need not stand where the command does."""
    if isinstance(value, dict):
        return {k: v if k in _TEXTS else absolute(v) for k, v in value.items()}
    if isinstance(value, list):
        return [absolute(one) for one in value]
    if not isinstance(value, str):
        return value
    kind = next((one for one in _FOLDERS if value.startswith(one)), "")
    text = value.removeprefix(kind)
    if kind and text:
        return kind + str(Path(text).expanduser().absolute())  # KEY of folder:PATH:KEY stays its end
    if ("/" in text or "." in text) and user_path(text).is_file():
        return str(user_path(text).resolve())
    return value


class Looked:
    """Refuses experiments whose pictures cannot be read, before a worker is started for them; each is read once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, experiment: Experiment) -> str:
        from gi_core import data

        part = experiment.model_dump_json(
            include={"samples", "labels", "size", "channels", "normalise", "model", "recorded"}
        )
        if part not in self._known:
            try:
                data.load(experiment)
                self._known[part] = ""
            except SpecError as error:
                self._known[part] = str(error)
        return self._known[part]


def trainable(sweep: Sweep) -> None:
    """Raises SpecError where the pictures that accuracy is measured on cannot be read or dealt out: before any run."""
    from gi_core.experiments.federation.dataset import shards
    from gi_core.jobs.sweep_questions import questions
    from gi_core.settings.federation import Federation

    if sweep.utility is None:
        return
    known: set[str] = set()
    for question in questions(sweep):
        if question.role != "utility" or question.refused:
            continue
        asked = Federation.model_validate(question.spec)
        part = asked.model_dump_json(include={"size", "channels", "normalise", "model"}, exclude={"model": {"seed"}})
        if part not in known:
            known.add(part)
            try:
                shards(asked)
            except SpecError as error:
                raise SpecError(f"accuracy cannot be measured: {error}") from None
