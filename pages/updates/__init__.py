"""The updates page: files that a real client left, what is in them, and the attack on them."""
