"""The page of sweeps: ready ones, a form for others, how they stand, and what they answer."""
