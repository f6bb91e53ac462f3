"""What crosses between the rooms: what a client sends, what the server knows, how the client trains, and what jobs end with."""
