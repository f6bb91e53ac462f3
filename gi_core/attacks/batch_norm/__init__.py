"""Statistics of batch norm: what an update reveals of them, and how they are matched."""
