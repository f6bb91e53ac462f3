"""Rank analysis: has a gradient enough equations to give a layer's input away? No torch here.

`numeric` (which needs torch) measures what `count` counts.
"""

from gi_core.analysis.rank.counting import count, counted
from gi_core.analysis.rank.report import LayerRank, RankReport

__all__ = ["LayerRank", "RankReport", "count", "counted"]
