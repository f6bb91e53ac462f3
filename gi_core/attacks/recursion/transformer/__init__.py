"""A vision transformer's patches in closed form, from the gradients of its positions or of its first attention."""
