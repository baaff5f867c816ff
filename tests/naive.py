"""Confident learning, word for word and slowly: the readable specification, and the oracle of the tests.

Every function is a plain loop over the formula. Ties between rows go to the earlier row. Notation: row i, given
class y, other classes j and k, N rows, K classes. Northcutt, Jiang, Chuang, "Confident Learning: Estimating
Uncertainty in Dataset Labels", JAIR 70, 2021 (sections 3.1, 3.2); Kuan and Mueller, "Model-agnostic label quality
scoring to detect real-world label errors", ICML DataPerf Workshop, 2022.

NumPy is used for its scalars, which keep the type of the probabilities, and in three places where the last bit of
a number decides: its sum, its rounding and its sort.
"""

from __future__ import annotations

import math

import numpy as np

SLACK = 1e-6
TINY = 1e-100


def class_counts(labels, n_classes):
    counts = [0] * n_classes
    for y in labels:
        counts[y] += 1
    return counts


def first_maximum(row):
    best = 0
    for k in range(len(row)):
        if row[k] > row[best]:
            best = k
    return best


def best_other(row, y):
    return max(row[k] for k in range(len(row)) if k != y)


def predicted_classes(pred_probs):
    return [first_maximum(row) for row in pred_probs]


def label_wins(row, y):
    """Tell whether the given label, with a head start, is the predicted class."""
    ahead = row.copy()
    ahead[y] += SLACK
    return first_maximum(ahead) == y


# -- the confident joint


def thresholds(labels, pred_probs):
    """Return the mean self-confidence of each class; 2, which no probability reaches, if no row was given it."""
    K = pred_probs.shape[1]
    result = []
    for k in range(K):
        own = [float(row[k]) for y, row in zip(labels, pred_probs, strict=True) if y == k]
        result.append(max(math.fsum(own) / len(own), 2e-6) if own else 2.0)
    return np.array(result)


def confident_class(row, cuts):
    """Return the class that a row is confidently of, or None."""
    confident = [k for k in range(len(row)) if row[k] >= cuts[k] - SLACK]
    if len(confident) > 1:
        return first_maximum(row)  # of all classes, confident or not
    return confident[0] if confident else None


def confident_classes(labels, pred_probs, cuts=None):
    cuts = thresholds(labels, pred_probs) if cuts is None else cuts
    return [confident_class(row, cuts) for row in pred_probs]


def raw_joint(labels, pred_probs, cuts=None):
    """Count rows by (given class, confident class); no class is without a row that is believed."""
    K = pred_probs.shape[1]
    joint = np.zeros((K, K), np.int64, order="F")  # the order in which `calibrate` adds
    for y, k in zip(labels, confident_classes(labels, pred_probs, cuts), strict=True):
        if k is not None:
            joint[y, k] += 1
    for k in range(K):
        joint[k, k] = max(joint[k, k], 1)
    return joint


def round_preserving_sum(row):
    """Round each number, then move those furthest from their rounding by 1 until the sum is right again."""
    rounded = np.rint(row)
    missing = int(np.rint(np.sum(row)) - np.sum(rounded))
    order = np.argsort(row - rounded)  # NumPy's own, ties and all
    step = 1 if missing > 0 else -1
    for place in range(abs(missing)):
        rounded[order[-1 - place] if missing > 0 else order[place]] += step
    return rounded.astype(np.int64)


def calibrate(joint, counts):
    """Scale each row of a joint to the number of rows given that class, and round it."""
    K = len(joint)
    scaled = np.empty_like(joint, dtype=np.float64)
    for y in range(K):
        for k in range(K):
            scaled[y, k] = joint[y, k] / max(joint[y].sum(), TINY) * counts[y]
    total = max(np.sum(scaled.ravel(order="K")), TINY)  # in the order in which it lies in memory
    result = np.empty((K, K), np.int64)
    for y in range(K):
        result[y] = round_preserving_sum(np.array([value / total * sum(counts) for value in scaled[y]]))
    return result


def confident_joint(labels, pred_probs, cuts=None):
    return calibrate(raw_joint(labels, pred_probs, cuts), class_counts(labels, pred_probs.shape[1]))


def off_diagonal_rows(labels, pred_probs, cuts=None):
    guesses = confident_classes(labels, pred_probs, cuts)
    return [i for i, (y, k) in enumerate(zip(labels, guesses, strict=True)) if k is not None and k != y]


def estimate_joint(joint):
    total = max(sum(float(value) for value in joint.flat), TINY)
    return np.array([[value / total for value in row] for row in joint])


def num_label_issues(labels, pred_probs, *, estimation_method="off_diagonal", confident_joint=None, cuts=None):
    K = pred_probs.shape[1]
    if estimation_method == "off_diagonal":
        rows = off_diagonal_rows(labels, pred_probs, cuts)
        return sum(not label_wins(pred_probs[i], labels[i]) for i in rows)
    joint = raw_joint(labels, pred_probs, cuts) if confident_joint is None else np.asarray(confident_joint)
    joint = calibrate(joint, class_counts(labels, K))
    wrong = sum(int(joint[y, k]) for y in range(K) for k in range(K) if y != k)
    return round(len(labels) * wrong / int(joint.sum()))


# -- priors and noise


def clip_noise_rates(rates):
    """Clip the off-diagonal entries to [0, 0.9999]; make every column sum to 1."""
    K = len(rates)
    clipped = [[rates[a][b] if a == b else min(max(rates[a][b], 0.0), 0.9999) for b in range(K)] for a in range(K)]
    sums = [max(math.fsum(clipped[a][b] for a in range(K)), TINY) for b in range(K)]
    return np.array([[clipped[a][b] / sums[b] for b in range(K)] for a in range(K)])


def clip_priors(py, low=1e-6):
    clipped = [min(max(value, low), 1.0) for value in py]
    return np.array([value / math.fsum(clipped) for value in clipped])


def priors(ps, noise, inverse, py_method, true_counts):
    K = len(ps)
    if py_method == "cnt":
        py = [inverse[k][k] / max(noise[k][k], TINY) * ps[k] for k in range(K)]
    elif py_method == "eqn":
        py = np.linalg.inv(noise) @ ps
    elif py_method == "marginal":
        py = [count / sum(true_counts) for count in true_counts]
    else:
        py = [math.fsum(inverse[k][y] * ps[y] for y in range(K)) for k in range(K)]
    return clip_priors(py)


def estimate_latent(joint, counts, *, py_method="cnt", converge=False):
    """Return P(true), P(given | true) and P(true | given)."""
    K = len(joint)
    ps = np.array([count / sum(counts) for count in counts])
    rows = [max(sum(int(joint[y][k]) for k in range(K)), TINY) for y in range(K)]
    columns = [max(sum(int(joint[y][k]) for y in range(K)), TINY) for k in range(K)]
    noise = np.array([[joint[y][k] / columns[k] for k in range(K)] for y in range(K)])
    inverse = np.array([[joint[y][k] / rows[y] for y in range(K)] for k in range(K)])
    py = priors(ps, noise, inverse, py_method, columns)
    noise, inverse = clip_noise_rates(noise), clip_noise_rates(inverse)
    if converge:
        for _ in range(3):
            for _ in range(5):
                inverse = clip_noise_rates(
                    [[noise[y][k] * py[k] / max(ps[y], TINY) for y in range(K)] for k in range(K)]
                )
                py = priors(ps, noise, inverse, "cnt", columns)
            noise = clip_noise_rates([[inverse[k][y] * ps[y] / max(py[k], TINY) for k in range(K)] for y in range(K)])
        py, noise, inverse = clip_priors(py, 1e-5), clip_noise_rates(noise), clip_noise_rates(inverse)
    return py, noise, inverse


# -- which labels are wrong


def prune_counts(joint, min_examples=1, frac_noise=1.0):
    """Return how many rows of each given class to give to each other one, and to keep (on the diagonal)."""
    K = len(joint)
    result = np.zeros((K, K), np.int64)
    for y in range(K):
        kept = max(joint[y, y], min_examples)
        lacking = (kept - joint[y, y]) / max(sum(joint[y, k] != 0 for k in range(K)) - 1.0, 1.0)
        noise = np.array([0.0 if k == y else max(joint[y, k] - lacking, 0.0) for k in range(K)])
        removed = noise * frac_noise
        removed[y] = kept + np.sum(noise - removed)
        result[y] = [math.trunc(value) for value in removed]
    return result


def redistribute_removals(counts, wanted, sizes):
    """Return removals in favour of each class k that sum to wanted[k], while the diagonal keeps all but wanted[k]."""
    K = len(counts)
    by_true_class = counts.T
    totals = [max(np.sum(np.ascontiguousarray(row)), 1) for row in by_true_class]
    result = np.zeros((K, K), np.int64)
    for k in range(K):
        share = np.array([by_true_class[k, y] / totals[y] for y in range(K)])
        noise = max(np.sum(share) - share[k], TINY)
        removals = np.array([share[y] * wanted[k] / noise for y in range(K)])
        removals[k] = sizes[k] - wanted[k]
        result[k] = round_preserving_sum(removals)
    return result.T


def removals(labels, pred_probs, *, frac_noise, num_to_remove_per_class, min_examples_per_class, confident_joint):
    sizes = class_counts(labels, pred_probs.shape[1])
    joint = calibrate(raw_joint(labels, pred_probs), sizes) if confident_joint is None else np.asarray(confident_joint)
    counts = prune_counts(joint, min_examples_per_class, frac_noise)
    if num_to_remove_per_class is None:
        return counts
    return redistribute_removals(counts, num_to_remove_per_class, sizes)


def rows_of(labels, k):
    return [i for i in range(len(labels)) if labels[i] == k]


def prune_by_class(labels, pred_probs, counts, min_examples):
    """Flag the rows of each class with the lowest self-confidence, all but those to keep."""
    issues = np.zeros(len(labels), bool)
    for y in range(len(counts)):
        rows = rows_of(labels, y)
        if len(rows) > min_examples:
            worst_first = sorted(rows, key=lambda i: (pred_probs[i, y], i))
            issues[worst_first[: max(len(rows) - counts[y, y], 0)]] = True
    return issues


def prune_by_noise_rate(labels, pred_probs, counts, min_examples):
    """Flag, for each pair of classes, the rows with the largest margins of the other class over the given one."""
    issues = np.zeros(len(labels), bool)
    for y in range(len(counts)):
        rows = rows_of(labels, y)
        for k in range(len(counts)):
            if k != y and len(rows) > min_examples:
                worst_first = sorted(rows, key=lambda i: (-(pred_probs[i, k] - pred_probs[i, y]), i))
                issues[worst_first[: counts[y, k]]] = True
    return issues


def find_label_issues(
    labels,
    pred_probs,
    *,
    filter_by="prune_by_noise_rate",
    frac_noise=1.0,
    num_to_remove_per_class=None,
    min_examples_per_class=1,
    confident_joint=None,
):
    N = len(labels)
    if filter_by in ("low_self_confidence", "low_normalized_margin"):
        scores = quality_scores(labels, pred_probs, filter_by.removeprefix("low_"))
        issues = np.zeros(N, bool)
        issues[worst_first(scores)[: num_label_issues(labels, pred_probs)]] = True
        return issues
    if filter_by == "confident_learning":
        issues = np.zeros(N, bool)
        issues[off_diagonal_rows(labels, pred_probs)] = True
    elif filter_by == "predicted_neq_given":
        issues = np.array([k != y for y, k in zip(labels, predicted_classes(pred_probs), strict=True)])
    else:
        counts = removals(
            labels,
            pred_probs,
            frac_noise=frac_noise,
            num_to_remove_per_class=num_to_remove_per_class,
            min_examples_per_class=min_examples_per_class,
            confident_joint=confident_joint,
        )
        issues = np.ones(N, bool)
        if filter_by != "prune_by_noise_rate":
            issues &= prune_by_class(labels, pred_probs, counts, min_examples_per_class)
        if filter_by != "prune_by_class":
            issues &= prune_by_noise_rate(labels, pred_probs, counts, min_examples_per_class)
    return issues & [not label_wins(row, y) for y, row in zip(labels, pred_probs, strict=True)]


def argmax_confusion(labels, pred_probs):
    K = pred_probs.shape[1]
    counts = np.zeros((K, K), np.int64, order="F")
    for y, k in zip(labels, predicted_classes(pred_probs), strict=True):
        counts[y, k] += 1
    return counts


# -- how good each label is


def adjusted(labels, pred_probs):
    """Lift each class by what its threshold lacks to the highest one (a class never given by nothing); rescale."""
    cuts = thresholds(labels, pred_probs)
    highest = max(t for t in cuts if t < 2)
    lifts = [highest - t if t < 2 else 0.0 for t in cuts]
    lifted = [[float(p) + lift for p, lift in zip(row, lifts, strict=True)] for row in pred_probs]
    return np.array([[value / math.fsum(row) for value in row] for row in lifted])


def normalized_entropy(row):
    entropy = math.fsum(-float(p) * math.log(p) for p in row if p > 0)
    return entropy / math.log(len(row))


def confidence_weighted_entropy(row, y):
    """Return ln(1 + x) / x; where x is hardly more than 0, the best score to a certain label, the worst to others."""
    x = normalized_entropy(row) / max(float(row[y]), 1e-6)
    if x >= 1e-6:
        return math.log1p(x) / x
    return 1 - x / 2 if row[y] > 0.5 else max(x, 0.0) / 1e-6


def quality_scores(labels, pred_probs, method="self_confidence", adjust=False):
    scored = adjusted(labels, pred_probs) if adjust else pred_probs
    if method == "self_confidence":
        scores = [row[y] for y, row in zip(labels, scored, strict=True)]
    elif method == "normalized_margin":
        scores = [(row[y] - best_other(row, y) + 1) / 2 for y, row in zip(labels, scored, strict=True)]
    else:
        scores = [confidence_weighted_entropy(row, y) for y, row in zip(labels, scored, strict=True)]
    return np.array(scores)


def worst_first(scores):
    return sorted(range(len(scores)), key=lambda i: (scores[i], i))


def log_loss(probs_of_given, epsilon):
    return -math.fsum(math.log(min(max(float(p), epsilon), 1 - epsilon)) for p in probs_of_given) / len(probs_of_given)


def ensemble_weights(labels, members, weighting, temperatures):
    if weighting == "uniform":
        return [1 / len(members)] * len(members)
    if weighting == "accuracy":
        hits = [sum(k == y for y, k in zip(labels, predicted_classes(p), strict=True)) for p in members]
        return [h / sum(hits) for h in hits] if sum(hits) else [1 / len(members)] * len(members)
    epsilon = np.finfo(members[0].dtype).eps
    losses = []
    for p in members:
        clipped = [[max(float(value), 1e-6) for value in row] for row in p]
        losses.append(log_loss([row[y] / math.fsum(row) for y, row in zip(labels, clipped, strict=True)], epsilon))
    best = None
    for T in temperatures:
        powers = [math.exp(-T * (loss - min(losses))) for loss in losses]
        weights = [power / sum(powers) for power in powers]
        mixed = [sum(w * p[i, y] for w, p in zip(weights, members, strict=True)) for i, y in enumerate(labels)]
        loss = log_loss(mixed, epsilon)
        if best is None or loss < best[0]:
            best = loss, weights
    return best[1]


def ensemble_scores(labels, members, *, method, adjust, weights):
    scores = [quality_scores(labels, p, method, adjust) for p in members]
    return np.array([math.fsum(w * s[i] for w, s in zip(weights, scores, strict=True)) for i in range(len(labels))])


# -- how healthy each class is


def class_table(joint, n_rows):
    """Return (class, label issues, inverse label issues, noise, inverse noise, quality), worst class first.

    Where there is nothing to take a share of, the share is NaN, and such classes come last.
    """
    K = len(joint)
    table = []
    for k in range(K):
        given, true = math.fsum(joint[k]), math.fsum(joint[:, k])
        wrong_given, wrong_true = given - joint[k, k], true - joint[k, k]
        noise = wrong_given / given if given > 0 else math.nan
        inverse = wrong_true / true if true > 0 else math.nan
        table.append((k, round(wrong_given * n_rows), round(wrong_true * n_rows), noise, inverse, 1 - noise))
    return sorted(table, key=lambda line: (math.isnan(line[5]), line[5]))


def overlapping_classes(joint, n_rows, asymmetric=False):
    """Return (class A, class B, rows, probability), most mixed up first."""
    K = len(joint)
    table = []
    for a in range(K):
        for b in range(K):
            if asymmetric and a != b:
                table.append((a, b, round(joint[a, b] * n_rows), joint[a, b]))
            elif a < b:
                both = joint[a, b] + joint[b, a]
                table.append((a, b, round(both * n_rows), both))
    return sorted(table, key=lambda line: -line[3])


def health(labels, pred_probs):
    return 1 - num_label_issues(labels, pred_probs) / len(labels)
