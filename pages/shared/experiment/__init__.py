"""Parts of a form that asks for one experiment."""
