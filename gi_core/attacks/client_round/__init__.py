"""A client's round as an attack plays it on a candidate."""
