"""Krylov Levenberg-Marquardt and its residuals."""
