"""The check of a deployment as a document: two pages of paper, however much there is to say."""

from __future__ import annotations

import numpy as np
import pytest

from gi_core.deployment import ASKED, deployment, found
from gi_core.jobs.store import Store
from gi_core.reports import deployments, pdf
from gi_core.reports.page import html_page
from gi_core.reports.parts import Picture
from tests.deployment.helpers import rows
from tests.reports.test_summary import CHROMIUM

PRICE = [
    {"defense": "none", "accuracy": 0.9, "accuracy_std": 0.01},
    {"defense": "DP-SGD", "accuracy": 0.6, "accuracy_std": 0.02},
]


@CHROMIUM
@pytest.mark.parametrize(
    "answers",
    [
        {},
        {name: next(iter(one.answers)) for name, one in ASKED.items()},
        {"network": "residual", "shared": "statistics", "pictures": "16", "together": "50", "server": "dishonest", "protection": "dp8"},
    ],
    ids=["nothing known", "all known", "much to say"],
)  # fmt: skip
def test_it_is_two_pages(answers, monkeypatch, gi_home):
    grey = np.full((32, 32, 3), 128, np.uint8)
    monkeypatch.setattr(deployments, "pictures", lambda *_: [Picture("What the server got", grey, "a note")] * 4)
    asked = deployment(answers)
    finding = found(asked, rows(asked, lambda case: "nothing" if case.measure == "dp8" else "seen"), PRICE)
    made = pdf.print_pdf(html_page(deployments.report(asked, finding, Store())))
    assert pdf.pages(made) == 2
