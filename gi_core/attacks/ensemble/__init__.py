"""Several attacks on one update in turn, judged by what their answers explain of it."""
