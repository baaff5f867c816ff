"""A lab as a directory of files, without pickle."""
