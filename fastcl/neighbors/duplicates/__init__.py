"""Duplicates: which rows are equal, nearly equal, or nearly the same text, and what to do about them."""
