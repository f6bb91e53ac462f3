"""All runs: find, reopen, compare two, rename, pin, delete."""

from __future__ import annotations

from pages.runs import listing
from pages.shared import address, head
from pages.shared.result import compare

address.visit("runs", "compare")
head.title("Runs")
if address.value("compare") is not None:
    pair = compare.asked()
    compare.draw(pair)
    if len(pair) < 2:
        listing.draw()
else:
    listing.draw()
