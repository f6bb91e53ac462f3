"""What files that mean harm are made of, and how they must be refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from gi_core.settings import SpecError


def refusal(call, *arguments) -> str:
    with pytest.raises(SpecError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    return text


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, call, *arguments) -> None:
        self.made = call, arguments

    def __reduce__(self):
        return self.made
