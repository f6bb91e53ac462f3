"""Labels read from the update itself."""
