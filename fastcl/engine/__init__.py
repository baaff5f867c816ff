"""Feeds blocks of rows to the kernels and merges what they leave behind."""
