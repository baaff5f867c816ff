"""The search for neighbours: every metric as an inner product, candidates by products, distances by the rows."""
