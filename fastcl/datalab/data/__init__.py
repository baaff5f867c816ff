"""Data as users have them: tables of any library and file, and labels of every kind, some perhaps missing."""
