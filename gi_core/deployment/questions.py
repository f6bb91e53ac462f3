"""Eight questions about a deployment that its operator can answer, each with "don't know"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gi_core.settings.base import Question, setting
from gi_core.settings.sentences import made

UNKNOWN = "unknown"


class Deployment(Question):
    """The answers. What is not known is taken as it leaks most, and that is said."""

    network: Literal["transformer", "residual", "plain", "unknown"] = setting("unknown", "What is trained.")
    size: Literal["32", "64", "224", "unknown"] = setting("unknown", "Side of the pictures in pixels.")
    pictures: Literal["1", "4", "16", "unknown"] = setting("unknown", "Pictures of a client in a round.")
    steps: Literal["1", "5", "20", "unknown"] = setting("unknown", "Local steps of a client in a round.")
    shared: Literal["all", "statistics", "head", "adapter", "unknown"] = setting("unknown", "What the client sends.")
    together: Literal["1", "10", "50", "unknown"] = setting("unknown", "Clients whose updates are summed first.")
    protection: Literal["none", "noise", "pruning", "dp8", "dp1", "unknown"] = setting(
        "unknown", "What is done to the update."
    )
    server: Literal["honest", "dishonest", "unknown"] = setting("unknown", "Who runs the server.")


@dataclass(frozen=True)
class Asked:
    """A question for a person. answers: value -> what is read. taken: the value that stands for "don't know", as it leaks most."""

    text: str
    answers: Mapping[str, str]
    taken: str
    help: str = ""

    def answer(self, value: str) -> str:
        """What a person reads for a value."""
        return "Don't know" if value == UNKNOWN else self.answers[value]


ASKED: dict[str, Asked] = {
    "network": Asked(
        "What kind of network is trained?",
        {"transformer": "A vision transformer", "residual": "A residual network (ResNet)", "plain": "A small convolutional network"},
        "transformer",
    ),
    "size": Asked(
        "How large are the pictures?", {"32": "32 pixels", "64": "64 pixels", "224": "224 pixels and more"}, "32", "The side that the network sees."
    ),
    "pictures": Asked(
        "How many pictures does a client use in a round?", {"1": "1", "4": "2 to 8", "16": "About 16 or more"}, "1"
    ),
    "steps": Asked(
        "How many steps does it train before it sends?", {"1": "1", "5": "About 5", "20": "20 or more"}, "1", "Passes over its pictures times batches."
    ),
    "shared": Asked(
        "What does it send?",
        {"all": "All weights or gradients", "statistics": "All weights, and statistics of batch norm", "head": "Only the last layer", "adapter": "Only adapters (LoRA)"},
        "all",
    ),
    "together": Asked(
        "Are updates summed before the server sees them?", {"1": "No", "10": "Yes, of about 10 clients", "50": "Yes, of 50 clients or more"}, "1", "Secure aggregation."
    ),
    "protection": Asked(
        "What protects the update?",
        {
            "none": "Nothing", "noise": "A little noise", "pruning": "Pruning or compression", "dp8": "DP-SGD, epsilon about 8",
            "dp1": "DP-SGD, epsilon about 1",
        },
        "none",
    ),
    "server": Asked(
        "Can you rely on the server's program?",
        {"honest": "Yes: it sends the network as agreed", "dishonest": "No: it could send a changed network"},
        "dishonest",
    ),
}  # fmt: skip


def deployment(answers: Mapping[str, Any]) -> Deployment:
    """The answers as settings. Raises SpecError with one sentence."""
    return made(Deployment, dict(answers), "the description is not valid: ")


def settled(asked: Deployment) -> dict[str, str]:
    """Every answer, what is not known by what stands for it."""
    return {name: one.taken if getattr(asked, name) == UNKNOWN else getattr(asked, name) for name, one in ASKED.items()}


def assumed(asked: Deployment) -> list[str]:
    """Each question whose answer is not known, with what it is taken as."""
    return [f"{one.text} {one.answers[one.taken]}." for name, one in ASKED.items() if getattr(asked, name) == UNKNOWN]
