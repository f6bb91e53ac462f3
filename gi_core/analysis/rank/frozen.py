"""What a count takes for granted that a network with frozen layers does not do: to send the gradient of every layer."""

from __future__ import annotations

from dataclasses import replace

from gi_core.analysis.rank.report import RankReport
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork


def with_frozen(report: RankReport, settings: Model) -> RankReport:
    """`report` with a notice where parameters of the network do not train."""
    frozen = settings.frozen if isinstance(settings, OwnNetwork) else 0
    if not frozen:
        return report
    said = (
        f"{frozen} frozen parameters send no gradient, and are counted as if they did: an attacker has fewer equations."
    )
    return replace(report, notices=(*report.notices, said))
