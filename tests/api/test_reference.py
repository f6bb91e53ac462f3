"""docs/api.md has every public name, from its docstring, and says of each argument what it is."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import gi_core as gi
from gi_core.api.reference import document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
FUNCTIONS = [name for name in gi.__all__ if inspect.isfunction(getattr(gi, name))]


def test_the_page_is_what_the_docstrings_say():
    assert PAGE.read_text() == document(), "python -m gi_core.api.reference > docs/api.md writes it anew"


def test_every_public_name_is_there():
    text = PAGE.read_text()
    missing = [name for name in gi.__all__ if name != "__version__" and f"gi.{name}\n" not in text]
    assert not missing
    assert set(dir(gi)) == set(gi.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_explained_and_typed(name):
    function = getattr(gi, name)
    text = inspect.getdoc(function) or ""
    said = {word.strip() for line in text.splitlines() for word in line.split(": ")[0].split(",")}
    for one in inspect.signature(function).parameters.values():
        assert one.name in said, f"{name}: {one.name}"
        assert one.annotation is not one.empty
    assert "Raises SpecError" in text


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'atack'"):
        gi.atack  # noqa: B018
