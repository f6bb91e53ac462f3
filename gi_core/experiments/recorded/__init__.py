"""Rounds kept as files: written by a client, described by their numbers, played as if they had been played here."""
