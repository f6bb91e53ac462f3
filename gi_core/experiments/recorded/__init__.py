"""Rounds kept as files: written by a client, told from their numbers, played as if they had been played here."""
