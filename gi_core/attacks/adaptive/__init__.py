"""Attackers who know the defenses."""
