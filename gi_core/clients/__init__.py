"""A client's local round -> Update; what the server knows -> Knowledge."""

from gi_core.clients.round import Round
from gi_core.clients.rounds import play
from gi_core.types.updates import Knowledge, Update

__all__ = ["Knowledge", "Round", "Update", "play"]
