"""What the configuration of a job says of a deployment, as a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, cast


class JobLine(TypedDict):
    """One key of a file that says something."""

    file: Annotated[str, "the file's name"]
    key: Annotated[str, "where in the file it stands"]
    value: Annotated[str, "what stands there"]
    text: Annotated[str, "what that says, in words"]
    name: Annotated[str, "the question of the check that it is about; empty for none"]
    answer: Annotated[str, "the answer that follows, or unknown"]


class JobReading(TypedDict):
    """All that was read from the files of one job."""

    framework: Annotated[str, "NVFlare or Flower"]
    answers: Annotated[dict[str, str], "an answer to each question, or unknown"]
    lines: Annotated[list[JobLine], "what was read, in the files' order"]
    unsaid: Annotated[dict[str, str], "of each question that stays unknown, why"]


def read(document: Mapping[str, Any] | None) -> JobReading | None:
    """That of a job that has looked into such files; None of any other."""
    found = document.get("described") if document else None
    return cast(JobReading, found) if isinstance(found, Mapping) else None
