"""Processes that do the jobs, here and on other machines."""
