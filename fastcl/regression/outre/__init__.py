"""Sums of distances from every point of the plane to half of all others, in far less than n**2 steps.

`tree` keeps near points together, `expansion` sums the distances to all points of a node at once, `walk` asks the tree
about a leaf of points, `nearest` about all. See `fastcl.regression.rank` for what it is good for.
"""
