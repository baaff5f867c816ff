"""What people look at: summaries, pictures, pages. Made of results only, never of kernels."""
