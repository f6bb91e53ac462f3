"""Attacks are described in a line or two; what is known of a publication's code stands in docs/attacks.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gi_core.settings import ATTACKS, CLIENTS, DEFENSES, MODELS, SERVERS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "attacks.md").read_text("utf-8")
PARTS = [one for family in (ATTACKS, CLIENTS, DEFENSES, MODELS, SERVERS) for one in family.values()]


@pytest.mark.parametrize("kind", ATTACKS)
def test_the_guide_has_a_section_for_every_attack(kind):
    head = next(line for line in GUIDE.splitlines() if line.startswith("## ") and f"(`{kind}`)" in line)
    section = GUIDE.partition(head)[2].partition("\n## ")[0]
    assert len(section.strip()) > 100
    for name in re.findall(r"preset=(\w+)", section):
        assert name in ATTACKS[kind].presets


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.__name__)
def test_a_form_describes_plainly(part):
    said = part.description
    assert said.endswith(".") and len(said) <= 240
    assert said[0].isupper() or said[0].isdigit()
    assert not re.search(r"released code|its figures|\bpreset\b", said), "that belongs into docs/attacks.md"
    assert re.fullmatch(r"|https://arxiv\.org/abs/\d{4}\.\d{5}", part.link)


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.__name__)
def test_every_setting_is_explained_in_whole_sentences(part):
    for name, field in part.model_fields.items():
        text = field.description or ""
        if name != "kind" and text:
            assert re.search(r"[.?!)]$", text) and (text[0].isupper() or text[0].isdigit()), f"{name}: {text}"
