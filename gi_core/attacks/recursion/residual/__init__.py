"""The recursion through residual networks with a mean over positions and, perhaps, a max-pooled stem."""
