"""The page of published numbers and what is measured in their place."""
