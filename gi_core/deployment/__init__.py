"""Whether one deployment is safe: eight plain questions, the attacks that follow from the answers, and what they found. No torch."""

from gi_core.deployment.cases import Case, cases_of, costs, question
from gi_core.deployment.finding import Finding, found
from gi_core.deployment.outcome import Outcome
from gi_core.deployment.questions import ASKED, Deployment, deployment

__all__ = ["ASKED", "Case", "Deployment", "Finding", "Outcome", "cases_of", "costs", "deployment", "found", "question"]
