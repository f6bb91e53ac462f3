"""Jobs: what was asked, what happened, and who works on it. Importing this costs no torch."""
