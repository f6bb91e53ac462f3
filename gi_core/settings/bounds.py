"""How much one experiment may ask for."""

MAX_BATCH = 256
"""Pictures behind one update."""
MAX_SIZE = 512
"""Side of a picture in pixels."""
