"""How fast, and how close to the time it takes to read the data once."""
