"""Least squares from moments: the sums of ``z z'`` over rows ``z = (x, 1, y)`` are all that it asks for."""

from __future__ import annotations

from fastcl.core.jit import kernel

#: A column whose variation is a smaller part of that of another is constant, but for rounding.
NO_VARIATION = 1e-30


@kernel
def gather_groups(rows, groups, wanted, ends, gathered):
    """Write the rows of all groups that are wanted side by side, group after group, and in `ends` where each ends."""
    ends[:] = 0
    for i in range(groups.size):
        if wanted[groups[i]]:
            ends[groups[i]] += 1
    total = 0
    for g in range(ends.size):
        total += ends[g]
        ends[g] = total - ends[g]
    for i in range(groups.size):
        g = groups[i]
        if wanted[g]:
            for j in range(rows.shape[1]):
                gathered[ends[g], j] = rows[i, j]
            ends[g] += 1


@kernel
def choose(predicted, first, n_folds, groups, out):
    """Write what the model of each row's fold predicts, the mean of all models for rows in no fold.

    The models of the cross-validation stand in `n_folds` columns of `predicted` from `first` on.
    """
    for i in range(groups.size):
        if groups[i] < n_folds:
            out[i] = predicted[i, first + groups[i]]
        else:
            total = 0.0
            for f in range(first, first + n_folds):
                total += predicted[i, f]
            out[i] = total / n_folds


@kernel
def solve(moments, has_intercept, penalty, cutoff, largest_inflation, upper, inverse, coefficients):
    """Write the coefficients of ``(x, 1)`` with the least squared error, and tell whether they can be relied on.

    With G the moments of x about its means, plus the penalty, and c those of x with y: scaled by s to a unit diagonal
    and factored, ``s G s = U'U``, they are ``s U^-1 U'^-1 s c``. The squares of U^-1 add up to the sum of all variance
    inflation factors, which times the number of columns bounds the condition number: it must not exceed
    `largest_inflation`. And no singular value of x may be as small as `cutoff` times the largest, where least squares
    by singular values cuts off. `upper` and `inverse` are scratch.
    """
    d = coefficients.size - 1
    trace = _standardize(moments, has_intercept, penalty, upper, coefficients)
    if not _factor(upper, 1 / largest_inflation):
        return False
    _invert(upper, inverse)
    inflation, trace_of_inverse = 0.0, 0.0
    for i in range(d):
        of_column = 0.0
        for k in range(i, d):
            of_column += inverse[i, k] * inverse[i, k]
        inflation += of_column
        trace_of_inverse += of_column * coefficients[i] * coefficients[i]
    if inflation > largest_inflation or trace * trace_of_inverse * cutoff * cutoff >= 1:
        return False
    _substitute(moments, has_intercept, inverse, upper[0], coefficients)
    return True


@kernel
def _about_means(moments, i, j, has_intercept):
    """Return the sum of products of two columns about their means, or as they are."""
    d = moments.shape[0] - 2
    return moments[i, j] - (moments[i, d] * moments[j, d] / moments[d, d] if has_intercept else 0.0)


@kernel
def _standardize(moments, has_intercept, penalty, upper, scale):
    """Write the upper triangle of the matrix scaled to a unit diagonal, and the scales; return its trace before.

    A column that does not vary gets scale zero.
    """
    d = scale.size - 1
    largest, trace = 0.0, 0.0
    for i in range(d):
        upper[i, i] = _about_means(moments, i, i, has_intercept) + penalty
        largest = max(largest, upper[i, i])
    for i in range(d):
        varies = upper[i, i] > NO_VARIATION * largest
        scale[i] = 1 / upper[i, i] ** 0.5 if varies else 0.0
        trace += upper[i, i] if varies else 0.0
    for i in range(d):
        for j in range(i + 1, d):
            upper[i, j] = _about_means(moments, i, j, has_intercept) * scale[i] * scale[j]
        upper[i, i] = 1.0
    return trace


@kernel
def _factor(upper, smallest):
    """Turn the upper triangle of a symmetric matrix into U with U'U the matrix; stop at a pivot below `smallest`."""
    d = upper.shape[0]
    for k in range(d):
        if not upper[k, k] >= smallest:
            return False
        root = upper[k, k] ** 0.5
        for j in range(k, d):
            upper[k, j] /= root
        for i in range(k + 1, d):
            times = upper[k, i]
            for j in range(i, d):
                upper[i, j] -= times * upper[k, j]
    return True


@kernel
def _invert(upper, inverse):
    """Write the inverse of an upper triangle, from the last row to the first."""
    d = upper.shape[0]
    for i in range(d - 1, -1, -1):
        pivot = 1 / upper[i, i]
        for j in range(i, d):
            inverse[i, j] = 0.0
        inverse[i, i] = pivot
        for k in range(i + 1, d):
            times = pivot * upper[i, k]
            for j in range(k, d):
                inverse[i, j] -= times * inverse[k, j]


@kernel
def _substitute(moments, has_intercept, inverse, turned, coefficients):
    """Turn scales into coefficients, the last of them the intercept; `turned` is scratch."""
    d = coefficients.size - 1
    turned[:] = 0.0
    for i in range(d):
        covariance = moments[i, d + 1]
        if has_intercept:
            covariance -= moments[i, d] * moments[d, d + 1] / moments[d, d]
        for k in range(i, d):
            turned[k] += inverse[i, k] * covariance * coefficients[i]
    intercept = moments[d, d + 1]
    for i in range(d):
        value = 0.0
        for k in range(i, d):
            value += inverse[i, k] * turned[k]
        coefficients[i] *= value
        intercept -= moments[i, d] * coefficients[i]
    coefficients[d] = intercept / moments[d, d] if has_intercept else 0.0
