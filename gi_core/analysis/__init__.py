"""Leakage without attacking. Nothing is imported here: counting needs no torch, the rest does."""
