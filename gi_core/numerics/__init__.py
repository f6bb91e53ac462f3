"""Derivatives, factorisations and optimisers: no knowledge of attacks."""
