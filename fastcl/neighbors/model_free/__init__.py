"""Probabilities without a model: votes of neighbours, and a ridge classifier leaving each row out in closed form."""
