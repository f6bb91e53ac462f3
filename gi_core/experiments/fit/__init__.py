"""How well pictures explain an update, and whether what they leave is what the defenses leave."""
