"""The comparison wall: one sample, attacks as columns, defenses as rows, what came back in every cell."""
