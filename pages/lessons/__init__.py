"""Lessons for a class: a question, a prediction, a run, the answer."""
