"""What crosses between the rooms: what a client sends, what the server has besides, how the client trains. No settings here."""
