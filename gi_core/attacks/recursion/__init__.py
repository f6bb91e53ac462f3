"""The recursion of R-GAP and peeling: from the loss down to the picture, one layer at a time, in float64."""
