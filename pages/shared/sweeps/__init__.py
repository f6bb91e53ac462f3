"""Asking for a sweep and how it stands, on every page that starts one."""
