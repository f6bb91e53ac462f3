"""Pictures read off a layer of bins that a server put in front of the network."""
