"""What a client does so that less leaks, as chips, and a row with its strengths for each that is chosen."""
