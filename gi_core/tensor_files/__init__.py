"""Files of tensors: bounded, read without running anything in them, their names matched to a network's."""
