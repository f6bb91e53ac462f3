"""Leakage against accuracy: what each defense costs and what it keeps, from the rows of a sweep. No torch."""

from gi_core.analysis.frontier.advice import Advice, advice
from gi_core.analysis.frontier.points import Point, points, strongest
from gi_core.analysis.frontier.ranking import pareto

__all__ = ["Advice", "Point", "advice", "pareto", "points", "strongest"]
