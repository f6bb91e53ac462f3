"""The configuration of a job, of NVFlare or Flower, as answers: what it says, from which key, and what it does not say. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gi_core.common.errors import SpecError
from gi_core.common.memory_limit import memory_limit
from gi_core.common.uploads import upload_path
from gi_core.deployment import flower_apps, nvflare_jobs
from gi_core.deployment.job_keys import CLIENTS
from gi_core.deployment.lines import Line, floored, shown
from gi_core.deployment.questions import ASKED, UNKNOWN
from gi_core.settings.documents import read_json, read_toml
from gi_core.types.job_reading import JobLine, JobReading

MOST_BYTES = 256 * 1024
MOST_FILES = 8
MOST_LINES = 200
_WHICH = "give config_fed_client.json, config_fed_server.json or meta.json of NVFlare, or pyproject.toml of Flower"
_UNSAID = {
    "network": "No model is named.",
    "size": "No file says how large the pictures are.",
    "pictures": "No file says how many pictures a client uses; that is in its data.",
    "steps": "No file says how many steps a client takes.",
    "shared": "No file says what a client sends; that is in its program.",
    "together": "No secure aggregation is set up in these files. It may be in the program.",
    "protection": "No protection is set up in these files. One may be in the program.",
    "server": "No file can say whether the server's program can be relied on.",
}


@dataclass(frozen=True)
class Reading:
    """framework: NVFlare or Flower. answers: of every question, "unknown" where no file tells. lines: what was read. unsaid: question -> why."""

    framework: str
    answers: Mapping[str, str]
    lines: tuple[Line, ...]
    unsaid: Mapping[str, str]

    def document(self) -> JobReading:
        """As JSON."""
        lines: list[JobLine] = [
            {"file": one.file, "key": one.key, "value": one.value, "text": one.text, "name": one.name, "answer": one.answer}
            for one in self.lines
        ]  # fmt: skip
        return {"framework": self.framework, "answers": dict(self.answers), "lines": lines, "unsaid": dict(self.unsaid)}


def answer(spec: Mapping[str, Any]) -> JobReading:
    """What uploaded files say. spec: {described: [{name, file: upload:SHA256}]}. Raises SpecError."""
    with memory_limit():
        return read(
            [(str(one["name"]), content(upload_path(str(one["file"])))) for one in spec["described"]]
        ).document()


def content(path: Path) -> bytes:
    """What is in a file, as far as one may be long. Raises SpecError for what is no file."""
    if not path.is_file():
        raise SpecError(f"there is no file {shown(path.name)}: {_WHICH}")
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{shown(path.name)} cannot be read: {error.strerror}") from None


def read(files: Sequence[tuple[str, bytes]]) -> Reading:
    """files: (name, content) of one job. Raises SpecError, one sentence, for what is no configuration of a job."""
    if not files:
        raise SpecError(f"no file was given: {_WHICH}")
    if len(files) > MOST_FILES:
        raise SpecError(f"{len(files)} files were given: at most {MOST_FILES} belong to one job")
    found: list[Line] = []
    kinds = []
    for name, content in files:
        document = _document(name, content)
        kinds.append("NVFlare" if nvflare_jobs.mine(document) else "Flower" if flower_apps.mine(document) else "")
        if not kinds[-1]:
            raise SpecError(f"{shown(name)} is no configuration of a job: {_WHICH}")
        found += (nvflare_jobs if kinds[-1] == "NVFlare" else flower_apps).lines(name, document)
    if len(set(kinds)) > 1:
        raise SpecError("the files are of NVFlare and of Flower: give those of one job")
    return _settled(kinds[0], tuple(_sums(list(dict.fromkeys(found))[:MOST_LINES])))


def _document(name: str, content: bytes) -> Mapping[str, Any]:
    what = shown(name)
    ending = name.rpartition(".")[2].lower()
    if ending == "toml":
        return read_toml(content, MOST_BYTES, what)
    try:
        document = read_json(content, MOST_BYTES, what)
    except SpecError:
        if ending == "conf":
            raise SpecError(
                f"{what} is HOCON, which is not read here: write it as JSON (pyhocon -i FILE -f json)"
            ) from None
        raise
    if not isinstance(document, Mapping):
        raise SpecError(f"{what} is no configuration of a job: {_WHICH}")
    return document


def _sums(lines: list[Line]) -> list[Line]:
    """Over how many clients the server gets a sum: as many as a round waits for, by all files."""
    counts = [one.clients for one in lines if one.clients is not None]
    count = min(counts, default=0)
    answer = floored(count, CLIENTS)
    few = (
        f" Of {count}, fewer than the least that is asked about: not taken as a sum."
        if count and answer == UNKNOWN
        else ""
    )
    said = few or (f" Of {count} clients." if count else " Of how many, no file says.")
    return [replace(one, answer=answer, text=one.text + said) if one.summed else one for one in lines]


def _settled(framework: str, lines: tuple[Line, ...]) -> Reading:
    answers, unsaid = {}, {}
    for name in ASKED:
        about = [one for one in lines if one.name == name]
        told = sorted({one.answer for one in about} - {UNKNOWN})
        answers[name] = told[0] if len(told) == 1 else UNKNOWN
        if len(told) > 1:
            unsaid[name] = f"{', '.join(one.key for one in about if one.answer != UNKNOWN)} do not agree."
        elif not told:
            unsaid[name] = " ".join(dict.fromkeys(one.text for one in about)) or _UNSAID[name]
    return Reading(framework, answers, lines, unsaid)
