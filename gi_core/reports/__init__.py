"""What a person takes away: reports, one-page summaries, figures for papers, tables, references, archives. No torch.

A report is made of parts (`gi_core/reports/parts.py`) that one page (`gi_core/reports/page.py`) writes; everything that a person
typed passes through its one `text`. Runs come from the store or from memory (`gi_core/reports/taken.py`).
"""
