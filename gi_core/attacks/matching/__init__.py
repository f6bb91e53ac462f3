"""Gradient matching: objectives, what is searched, and the loop over trials."""
