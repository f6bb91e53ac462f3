"""Parts of the view of a result: pictures, curves, measures, and what can be done with a run."""
