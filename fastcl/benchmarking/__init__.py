"""Label noise made to order, for measuring how well errors are found."""
