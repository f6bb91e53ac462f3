"""The page that checks one deployment."""
