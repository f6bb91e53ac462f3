"""Published results, and what this program measures in their place: the claims are the TOML files beside this one. No torch.

`claims` reads them, `questions` makes the experiments of one, `verdicts` compares what came of them with what was published, and
`records` keeps it.
"""

from gi_core.reproductions.claims import (
    Budget,
    Claim,
    Setting,
    Study,
    claims,
    findings_of,
    read_studies,
    setting_of,
    studies,
)
from gi_core.reproductions.findings import Finding
from gi_core.reproductions.questions import asked
from gi_core.reproductions.verdicts import Measured, measured

__all__ = [
    "Budget", "Claim", "Finding", "Measured", "Setting", "Study", "asked", "claims", "findings_of", "measured", "read_studies",
    "setting_of", "studies",
]  # fmt: skip
