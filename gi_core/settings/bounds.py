"""How much one experiment may ask for."""

MAX_BATCH = 256
"""Pictures behind one update."""
MAX_SIZE = 512
"""Side of a picture in pixels."""
MAX_NOISE = 1e3
"""Standard deviation of a noise on every value of an update."""
