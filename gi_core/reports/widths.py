"""How wide a figure for a paper may be, and how much it holds. Nothing is imported: every command knows these bounds."""

WIDTHS = {"one column": 85.0, "two columns": 178.0}
"""Millimetres of a column of text, and of a page with two."""
LEAST, MOST = 20.0, 600.0
"""Millimetres."""
MOST_PICTURES, MOST_COLUMNS, USUAL_COLUMNS = 200, 24, 8
