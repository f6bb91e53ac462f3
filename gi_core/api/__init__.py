"""The Python interface: what `gi_core` offers to a person's own program."""
