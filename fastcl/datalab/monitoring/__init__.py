"""New rows held against what an audit has fitted."""
