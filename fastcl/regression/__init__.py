"""Find wrong targets of regressions, and learn in spite of them."""
