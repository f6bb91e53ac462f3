"""Every method that can be chosen has its papers, or says that it has none; every entry is whole."""

from __future__ import annotations

import pytest

from gi_core.data.archives import DATA_SETS
from gi_core.metrics.registry import METRICS
from gi_core.reports import references
from gi_core.reproductions import claims
from gi_core.settings import ATTACKS, CLIENTS, DEFENSES, MODELS, SERVERS, build

KINDS = {
    "attacks": (references.ATTACKS, ATTACKS), "models": (references.MODELS, MODELS), "defenses": (references.DEFENSES, DEFENSES),
    "clients": (references.CLIENTS, CLIENTS), "servers": (references.SERVERS, SERVERS), "metrics": (references.METRICS, METRICS),
    "data sets": (references.DATA, {"bundled", "faces", *DATA_SETS}), "weights": (references.WEIGHTS, {"fresh", "trained", "file", "imagenet"}),
}  # fmt: skip
USED = {key for known, _ in KINDS.values() for keys in known.values() for key in keys}
USED |= {key for keys in references.ANALYSES.values() for key in keys} | set(references.SOFTWARE)
USED |= {claim.paper for claim in claims()}


@pytest.mark.parametrize("family", KINDS)
def test_every_kind_is_covered(family):
    known, kinds = KINDS[family]
    assert set(known) == set(kinds)


def test_a_kind_with_a_published_paper_names_one():
    for known, kinds in ((references.ATTACKS, ATTACKS), (references.MODELS, MODELS), (references.DEFENSES, DEFENSES)):
        for kind, settings in kinds.items():
            if settings.paper and settings.paper != "this project":
                assert known[kind], kind


def test_the_year_of_a_paper_is_that_of_its_settings():
    for known, kinds in ((references.ATTACKS, ATTACKS), (references.DEFENSES, DEFENSES)):
        for kind, keys in known.items():
            years = {references.papers()[key].fields["year"] for key in keys}
            assert (
                not keys or kinds[kind].paper == "this project" or any(year in kinds[kind].paper for year in years)
            ), kind


def test_the_link_of_an_attack_is_that_of_its_paper():
    for kind, settings in ATTACKS.items():
        if settings.link:
            assert settings.link in {references.papers()[key].fields["url"] for key in references.ATTACKS[kind]}


def test_every_entry_is_whole_and_used():
    found = references.papers()
    assert USED == set(found)
    text = references.bibtex(found.values())
    assert text.count("@") == len(found) and text.isascii()
    for entry in found.values():
        assert entry.text.count("{") == entry.text.count("}")
        assert {"author", "title", "year"} <= set(entry.fields) and entry.fields["year"] in entry.key
        assert {"booktitle", "journal", "institution"} & set(entry.fields)
        assert "{" not in entry.line and "\\" not in entry.line


def test_a_run_cites_what_it_used():
    spec = build({
        "samples": ["bundled/faces:3", "mnist:7"], "model": {"kind": "resnet18"}, "attack": {"kind": "dlg"},
        "defenses": [{"kind": "soteria"}],
    }).model_dump(mode="json")  # fmt: skip
    found = references.keys(spec, {"ssim": 0.4, "lpips": None})
    assert {
        "zhu2019deep",
        "he2016deep",
        "huang2007labeled",
        "lecun1998gradient",
        "sun2021soteria",
        "wang2004image",
    } <= set(found)
    assert "zhang2018unreasonable" not in found and "geiping2020inverting" not in found
    assert "huang2007labeled" not in references.keys(spec, {}, pictures=False)


def test_an_accent_is_read_as_the_letter_that_it_is():
    assert references.papers()["konecny2016federated"].line.startswith("Jakub Konečný et al.")
