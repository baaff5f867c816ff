"""Measuring texts: what is empty, how long the others are, what looks like personal data."""
