"""Leakage against accuracy: what each defense costs and what it keeps, from the rows of a sweep. No torch."""

from gi_core.analysis.frontier.advice import Advice, advice, of_servers
from gi_core.analysis.frontier.controls import Control, controls
from gi_core.analysis.frontier.points import HONEST, NONE, Point, points, server_of, strongest
from gi_core.analysis.frontier.ranking import pareto
from gi_core.analysis.frontier.stated import stated

__all__ = [
    "HONEST",
    "NONE",
    "Advice",
    "Control",
    "Point",
    "advice",
    "controls",
    "of_servers",
    "pareto",
    "points",
    "server_of",
    "stated",
    "strongest",
]
