"""Pages are doctests; what builds them needs Sphinx, which tests do not."""

collect_ignore = ["conf.py", "_ext"]
