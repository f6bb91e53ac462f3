"""How many of the labels the attack recovered: a metric of labels, not of pixels."""

from __future__ import annotations

from gi_core.metrics.batch import Batch, Found


def accuracy_of(batch: Batch) -> Found:
    """Share of originals whose matched answer has their label; None where either is not known."""
    if batch.labels_true is None or batch.labels_recovered is None:
        return Found(beside={"label_accuracy": None})
    true, found = ([int(k) for k in labels] for labels in (batch.labels_true, batch.labels_recovered))
    matched = [found[place] for place in batch.order]
    right = sum(a == b for a, b in zip(true, matched, strict=True)) / len(true)
    return Found({"label_true": true, "label_recovered": matched}, {"label_accuracy": right})
