"""A client that trains the head or adapters alone: the input of what trains, then a picture with these features."""
