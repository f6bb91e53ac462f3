"""Parts of the rank analysis that stand on other pages too."""
