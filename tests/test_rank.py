from __future__ import annotations

import logging

import naive
import numpy as np
import pytest
from cleanlab import rank as cleanlab_rank
from problems import METHODS, PROBLEMS, Problem, make_problem, reference

from fastcl import rank

RAGGED = PROBLEMS["ragged"]
SMALL = make_problem(503, 4, seed=51)
RANKINGS = [(method, False) for method in METHODS] + [(method, True) for method in METHODS[:2]]
every_ranking = pytest.mark.parametrize(("method", "adjust"), RANKINGS)


def is_certain(problem):
    """Tell which rows the model gives to their label alone, where the reference's entropy score breaks down."""
    return problem.pred_probs[np.arange(len(problem.labels)), problem.labels] == 1


# -- scores


@every_ranking
def test_scores_match_naive(any_problem, method, adjust):
    scores = rank.get_label_quality_scores(*any_problem.both(), method=method, adjust_pred_probs=adjust)
    expected = naive.quality_scores(*any_problem.both(), method, adjust)
    if adjust or method == "confidence_weighted_entropy":
        np.testing.assert_allclose(scores, expected, rtol=0, atol=any_problem.atol)
    else:
        np.testing.assert_array_equal(scores, expected)
    assert scores.min() >= 0
    assert scores.max() <= 1


@every_ranking
def test_scores_match_cleanlab(any_problem, method, adjust):
    if adjust and (any_problem.counts == 0).any():
        pytest.skip("S6: the reference lets classes never given distort all others")
    scores = rank.get_label_quality_scores(*any_problem.both(), method=method, adjust_pred_probs=adjust)
    expected = reference(
        cleanlab_rank.get_label_quality_scores, *any_problem.both(), method=method, adjust_pred_probs=adjust
    )
    if method == "confidence_weighted_entropy":
        regular = ~is_certain(any_problem)
        scores, expected = scores[regular], expected[regular]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=any_problem.atol)
    assert scores.dtype == expected.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_ranking
def test_scores_have_the_type_of_the_probabilities_except_entropy(dtype, method, adjust):
    problem = SMALL.as_type(dtype)
    scores = rank.get_label_quality_scores(*problem.both(), method=method, adjust_pred_probs=adjust)
    assert scores.dtype == (np.float64 if method == "confidence_weighted_entropy" else dtype)


@pytest.mark.parametrize(
    ("function", "method"),
    [
        (rank.get_self_confidence_for_each_label, "self_confidence"),
        (rank.get_normalized_margin_for_each_label, "normalized_margin"),
        (rank.get_confidence_weighted_entropy_for_each_label, "confidence_weighted_entropy"),
    ],
)
def test_each_score_has_a_function_of_its_own(any_problem, function, method):
    np.testing.assert_array_equal(
        function(*any_problem.both()), rank.get_label_quality_scores(*any_problem.both(), method=method)
    )


def test_margin_of_two_classes_is_self_confidence():
    problem = PROBLEMS["binary"]
    complement = np.column_stack([problem.pred_probs[:, 0], 1 - problem.pred_probs[:, 0]])
    margins = rank.get_normalized_margin_for_each_label(problem.labels, complement)
    np.testing.assert_allclose(
        margins, rank.get_self_confidence_for_each_label(problem.labels, complement), rtol=0, atol=1e-15
    )


def test_scores_do_not_need_two_classes():
    labels = np.full(503, 2)
    scores = rank.get_label_quality_scores(labels, SMALL.pred_probs)
    np.testing.assert_array_equal(scores, SMALL.pred_probs[:, 2])


def test_entropy_score_of_one_class_is_one():
    """Cleanlab divides by ln 1."""
    scores = rank.get_label_quality_scores([0, 0], [[1.0], [1.0]], method="confidence_weighted_entropy")
    assert scores.tolist() == [1.0, 1.0]


def test_s3_certain_and_right_is_the_best_entropy_score():
    """Cleanlab gives it 0, the worst."""
    pred_probs = np.array([[1.0, 0.0], [1 - 1e-9, 1e-9], [1 - 1e-4, 1e-4], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    labels = np.zeros(6, int)
    scores = rank.get_confidence_weighted_entropy_for_each_label(labels, pred_probs)
    assert scores[0] == 1.0
    assert np.all(np.diff(scores) < 0)
    assert reference(cleanlab_rank.get_confidence_weighted_entropy_for_each_label, labels, pred_probs)[0] == 0.0


def test_s3_certain_and_wrong_is_the_worst_entropy_score():
    """As cleanlab."""
    pred_probs = np.array([[0.0, 1.0, 0.0], [0.3, 0.4, 0.3], [1.0, 0.0, 0.0]])
    labels = np.zeros(3, int)
    scores = rank.get_confidence_weighted_entropy_for_each_label(labels, pred_probs)
    assert scores[0] == 0.0
    assert scores[2] == 1.0
    assert reference(cleanlab_rank.get_confidence_weighted_entropy_for_each_label, labels, pred_probs)[0] == 0.0


def test_entropy_score_is_continuous_where_its_formula_changes():
    """x passes 1e-6 here, from where on the limit 1 - x / 2 stands for ln(1 + x) / x."""
    tiny = np.geomspace(1e-9, 1e-6, 400)
    scores = rank.get_confidence_weighted_entropy_for_each_label(np.zeros(400, int), np.column_stack([1 - tiny, tiny]))
    steps = np.diff(scores)
    assert np.all(steps < 1e-9)  # falling, up to what ln(1 + x) / x loses to rounding at x = 1e-6
    assert np.abs(steps).max() < 1e-6


@every_ranking
def test_s5_nan_is_rejected(method, adjust):
    """Cleanlab lets NaN pass."""
    pred_probs = SMALL.pred_probs.copy()
    pred_probs[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"no NaN; got nan in row 7 \(1 such rows\)"):
        rank.get_label_quality_scores(SMALL.labels, pred_probs, method=method, adjust_pred_probs=adjust)


@pytest.mark.parametrize("method", METHODS[:2])
def test_s6_a_class_never_given_lifts_nothing(method):
    """Cleanlab's threshold 2 of such a class raises the probabilities of all others by more than 1."""
    problem = make_problem(503, 4, seed=52)
    with_one_more = np.column_stack([problem.pred_probs, np.zeros(503)])
    options = {"method": method, "adjust_pred_probs": True}
    expected = rank.get_label_quality_scores(*problem.both(), **options)
    scores = rank.get_label_quality_scores(problem.labels, with_one_more, **options)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-15)
    theirs = reference(cleanlab_rank.get_label_quality_scores, problem.labels, with_one_more, **options)
    assert np.abs(theirs - expected).mean() > 0.1


@pytest.mark.parametrize("overshoot", [1e-9, 1e-7, 0.99e-6])
def test_s35_entropy_accepts_probabilities_off_by_less_than_the_slack(overshoot):
    """Cleanlab's validation lets them pass, its entropy raises ValueError."""
    pred_probs = np.array([[1 + overshoot, -overshoot], [-overshoot, 1 + overshoot], [0.5, 0.5]])
    exact = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    labels = np.array([0, 0, 0])
    with pytest.raises(ValueError, match="interval"):
        reference(cleanlab_rank.get_confidence_weighted_entropy_for_each_label, labels, pred_probs)
    scores = rank.get_confidence_weighted_entropy_for_each_label(labels, pred_probs)
    expected = rank.get_confidence_weighted_entropy_for_each_label(labels, exact)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=2e-6)


@every_ranking
def test_s39_integer_probabilities_are_right(method, adjust):
    """Cleanlab returns integers."""
    one_hot = np.eye(4)[SMALL.pred_probs.argmax(axis=1)]
    options = {"method": method, "adjust_pred_probs": adjust}
    scores = rank.get_label_quality_scores(SMALL.labels, one_hot.astype(int), **options)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, rank.get_label_quality_scores(SMALL.labels, one_hot, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "`method` must be one of 'self_confidence', 'normalized_margin'"),
        (
            {"method": METHODS[2], "adjust_pred_probs": True},
            "`adjust_pred_probs` must be False for 'confidence_weighted_entropy'",
        ),
        ({"n_jobs": 0}, "`n_jobs` must be"),
        ({"class_names": list("abc")}, "name each of the 4 columns"),
    ],
)
def test_scores_reject_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        rank.get_label_quality_scores(*SMALL.both(), **options)


def test_margin_needs_two_columns():
    with pytest.raises(ValueError, match="at least 2 columns for 'normalized_margin'"):
        rank.get_label_quality_scores([0], [[1.0]], method="normalized_margin")


# -- the worst


@pytest.mark.parametrize("top", [0, 1, 10, 502, 503, 504, 10**6, None])
def test_top_issues_match_naive(top):
    for scores in (SMALL.pred_probs[:, 0], np.round(SMALL.pred_probs[:, 0] * 8) / 8):
        rows = rank.find_top_issues(scores, top=top)
        assert rows.tolist() == naive.worst_first(scores)[:top]
        assert rows.dtype == np.int64


def test_top_issues_match_cleanlab():
    scores = SMALL.pred_probs[:, 1]
    np.testing.assert_array_equal(rank.find_top_issues(scores), cleanlab_rank.find_top_issues(scores))
    np.testing.assert_array_equal(rank.find_top_issues(scores, top=37), cleanlab_rank.find_top_issues(scores, top=37))


@pytest.mark.parametrize("kind", [list, np.float32, lambda scores: (scores * 100).astype(int), lambda s: s[::-1][::-1]])
def test_top_issues_accept_any_scores(kind):
    scores = kind(SMALL.pred_probs[:, 1])
    assert rank.find_top_issues(scores, top=20).tolist() == naive.worst_first(scores)[:20]


def test_top_issues_of_infinite_scores():
    assert rank.find_top_issues([0.5, -np.inf, np.inf, -np.inf], top=3).tolist() == [1, 3, 0]


@pytest.mark.parametrize(
    ("scores", "top", "message"),
    [
        ([0.5, 0.1], -1, "`top` must be at least 0; got -1"),
        ([0.5, np.nan], 1, "`quality_scores` must hold no NaN; got 1 of them"),
        ([[0.5, 0.1]], 1, r"`quality_scores` must have shape \(n_samples,\)"),
    ],
)
def test_top_issues_reject(scores, top, message):
    """Cleanlab's negative `top` leaves out the best scores, as a slice would."""
    with pytest.raises(ValueError, match=message):
        rank.find_top_issues(scores, top=top)


@pytest.mark.parametrize("given_as", ["mask", "list", "rows"])
@every_ranking
def test_order_matches_naive_and_cleanlab(method, adjust, given_as):
    mask = np.random.default_rng(0).random(503) < 0.3
    given = {"mask": mask, "list": mask.tolist(), "rows": np.flatnonzero(mask)}[given_as]
    options = {"rank_by": method, "rank_by_kwargs": {"adjust_pred_probs": adjust}}
    rows = rank.order_label_issues(given, *SMALL.both(), **options)
    scores = naive.quality_scores(*SMALL.both(), method, adjust)
    assert rows.tolist() == [i for i in naive.worst_first(scores) if mask[i]]
    expected = reference(cleanlab_rank.order_label_issues, np.asarray(given), *SMALL.both(), **options)
    np.testing.assert_array_equal(rows, expected)
    assert rows.dtype == np.int64


def test_order_of_ties_is_that_of_rows(tied_problem):
    mask = np.arange(len(tied_problem.labels)) % 3 != 1
    rows = rank.order_label_issues(mask, *tied_problem.both())
    scores = naive.quality_scores(*tied_problem.both())
    assert rows.tolist() == [i for i in naive.worst_first(scores) if mask[i]]


@pytest.mark.parametrize("nothing", [np.zeros(503, bool), np.empty(0, int), []], ids=["mask", "rows", "list"])
def test_order_of_nothing_is_empty(nothing):
    assert rank.order_label_issues(nothing, *SMALL.both()).tolist() == []


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        (np.zeros(502, bool), {}, r"`label_issues_mask` must have shape \(503,\)"),
        (np.zeros((503, 1), bool), {}, r"`label_issues_mask` must have shape \(503,\)"),
        (np.zeros(503, bool), {"rank_by": "magic"}, "must be one of 'self_confidence'"),
    ],
)
def test_order_rejects(mask, options, message):
    with pytest.raises(ValueError, match=message):
        rank.order_label_issues(mask, *SMALL.both(), **options)


# -- ensembles

TEMPERATURES = (1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 2e2)


def make_ensemble(n_members=3, dtype=np.float64, **options):
    """Return labels and the probabilities of models of different quality for the same rows."""
    problem = make_problem(503, 5, seed=61, **options)
    rng = np.random.default_rng(62)
    members = []
    for m in range(n_members):
        mixed = problem.pred_probs ** (1 / (m + 1)) * rng.uniform(0.2, 1, problem.pred_probs.shape)
        members.append((mixed / mixed.sum(axis=1, keepdims=True)).astype(dtype))
    return problem.labels, members


ENSEMBLES = {
    "three": make_ensemble(),
    "two alike": (lambda labels, members: (labels, [members[0], members[0].copy()]))(*make_ensemble()),
    "float32": make_ensemble(dtype=np.float32),
    "weak": make_ensemble(strength=0.3, noise=0.5),
    "rows of any sum": (lambda labels, members: (labels, [members[0] * 0.5, members[1], members[2] * 0.9]))(
        *make_ensemble()
    ),
    "far apart": (lambda labels, members: (labels, [members[0], np.eye(5)[(labels + 1) % 5] * 1.0]))(*make_ensemble()),
}


@pytest.mark.parametrize("weighting", ["accuracy", "uniform", "log_loss_search"])
@pytest.mark.parametrize("name", ENSEMBLES, ids=lambda name: name.replace(" ", "_"))
@every_ranking
def test_ensemble_scores_match_naive_and_cleanlab(name, weighting, method, adjust):
    labels, members = ENSEMBLES[name]
    options = {"method": method, "adjust_pred_probs": adjust, "weight_ensemble_members_by": weighting}
    scores = rank.get_label_quality_ensemble_scores(labels, members, **options)
    weights = naive.ensemble_weights(labels, members, weighting, TEMPERATURES)
    expected = naive.ensemble_scores(labels, members, method=method, adjust=adjust, weights=weights)
    # float32: the log-loss of a member is clipped at its epsilon, so that a rounding shows in the weights
    atol = 2e-6 if name == "float32" else 1e-12
    np.testing.assert_allclose(scores, expected, rtol=0, atol=atol)
    theirs = reference(cleanlab_rank.get_label_quality_ensemble_scores, labels, members, verbose=False, **options)
    np.testing.assert_allclose(scores, theirs, rtol=0, atol=atol)


@pytest.mark.parametrize("temperatures", [[1.0], [0.0, 5.0], [1e3, 1e-9], TEMPERATURES[::-1]], ids=str)
def test_temperatures_are_searched(temperatures):
    labels, members = ENSEMBLES["three"]
    options = {"weight_ensemble_members_by": "log_loss_search", "log_loss_search_T_values": temperatures}
    scores = rank.get_label_quality_ensemble_scores(labels, members, **options)
    weights = naive.ensemble_weights(labels, members, "log_loss_search", temperatures)
    expected = naive.ensemble_scores(labels, members, method="self_confidence", adjust=False, weights=weights)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)


def test_custom_weights_are_used_as_they_are():
    """As cleanlab: they need not sum to one."""
    labels, members = ENSEMBLES["three"]
    options = {"weight_ensemble_members_by": "custom", "custom_weights": [1.0, 0.5, 2.0]}
    scores = rank.get_label_quality_ensemble_scores(labels, members, **options)
    expected = naive.ensemble_scores(labels, members, method="self_confidence", adjust=False, weights=[1.0, 0.5, 2.0])
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)
    options["custom_weights"] = np.array(options["custom_weights"])
    theirs = reference(cleanlab_rank.get_label_quality_ensemble_scores, labels, members, verbose=False, **options)
    np.testing.assert_allclose(scores, theirs, rtol=0, atol=1e-12)


def test_log_loss_search_survives_temperatures_that_make_all_weights_vanish():
    """Cleanlab divides 0 by 0 where exp(-T log-loss) underflows."""
    labels, members = ENSEMBLES["three"]
    options = {"weight_ensemble_members_by": "log_loss_search", "log_loss_search_T_values": [1e5]}
    scores = rank.get_label_quality_ensemble_scores(labels, members, **options)
    losses = [-np.log(p[np.arange(503), labels]).mean() for p in members]
    best = members[int(np.argmin(losses))]
    np.testing.assert_allclose(scores, best[np.arange(503), labels], rtol=0, atol=1e-12)


def test_log_loss_search_needs_no_row_of_every_class():
    """Cleanlab passes on scikit-learn's ValueError for a class that no row was given."""
    problem = PROBLEMS["first and last class never given"]
    members = [problem.pred_probs, make_problem(1_003, 7, seed=99).pred_probs]
    options = {"weight_ensemble_members_by": "log_loss_search"}
    with pytest.raises(ValueError, match="number of classes"):
        reference(cleanlab_rank.get_label_quality_ensemble_scores, problem.labels, members, **options)
    scores = rank.get_label_quality_ensemble_scores(problem.labels, members, **options)
    weights = naive.ensemble_weights(problem.labels, members, "log_loss_search", TEMPERATURES)
    expected = naive.ensemble_scores(problem.labels, members, method="self_confidence", adjust=False, weights=weights)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)


def test_s41_models_that_are_never_right_are_weighed_alike():
    """Cleanlab divides 0 by 0."""
    labels = SMALL.labels
    wrong = [np.eye(4)[(labels + shift) % 4] * 0.7 + 0.075 for shift in (1, 2)]
    with pytest.warns(UserWarning, match="No model agrees with any label") as caught:
        scores = rank.get_label_quality_ensemble_scores(labels, wrong)
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_allclose(scores, 0.075, rtol=0, atol=1e-12)
    assert np.isnan(reference(cleanlab_rank.get_label_quality_ensemble_scores, labels, wrong)).all()


def test_ensemble_of_one_is_pointed_out():
    with pytest.warns(UserWarning, match="holds one array only") as caught:
        scores = rank.get_label_quality_ensemble_scores(SMALL.labels, [SMALL.pred_probs])
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(scores, rank.get_label_quality_scores(*SMALL.both()))


def test_ensemble_logs_its_weights_and_prints_nothing(caplog, capsys):
    labels, members = ENSEMBLES["two alike"]
    with caplog.at_level(logging.INFO):
        rank.get_label_quality_ensemble_scores(labels, members, verbose=False)
        assert not caplog.records
        rank.get_label_quality_ensemble_scores(labels, members)
    assert [record.name for record in caplog.records] == ["fastcl.rank"]
    assert "[0.5 0.5]" in caplog.text
    assert capsys.readouterr() == ("", "")


P, Q = SMALL.pred_probs, SMALL.pred_probs[::-1]


@pytest.mark.parametrize(
    ("members", "options", "error", "message"),
    [
        (np.stack([P, Q]), {}, TypeError, "`pred_probs_list` must be a list of arrays; got ndarray"),
        ((P, Q), {}, TypeError, "`pred_probs_list` must be a list of arrays; got tuple"),
        ([], {}, ValueError, "`pred_probs_list` must hold at least one array"),
        ([P, Q[:-1]], {}, ValueError, "one row for each label"),
        ([P, Q * 3], {}, ValueError, r"probabilities in \[0, 1\]"),
        ([P, Q], {"method": "magic"}, ValueError, "`method` must be one of"),
        ([P, Q], {"weight_ensemble_members_by": "magic"}, ValueError, "`weight_ensemble_members_by` must be one of"),
        ([P, Q], {"weight_ensemble_members_by": "custom"}, ValueError, "`custom_weights` must be given if"),
        ([P, Q], {"custom_weights": [0.5, 0.5]}, ValueError, "`custom_weights` must be given if"),
        (
            [P, Q],
            {"weight_ensemble_members_by": "custom", "custom_weights": [0.5, 0.3, 0.2]},
            ValueError,
            r"`custom_weights` must hold finite numbers, one for each of the 2 models",
        ),
        ([P, Q], {"method": METHODS[2], "adjust_pred_probs": True}, ValueError, "must be False for"),
    ],
)
def test_ensemble_rejects(members, options, error, message):
    """What cleanlab asserts is a ValueError."""
    with pytest.raises(error, match=message):
        rank.get_label_quality_ensemble_scores(SMALL.labels, members, **options)


def test_ensemble_does_not_mind_members_of_different_types():
    members = [P.astype(np.float32), P]
    scores = rank.get_label_quality_ensemble_scores(SMALL.labels, members, weight_ensemble_members_by="uniform")
    np.testing.assert_allclose(scores, naive.quality_scores(*SMALL.both()), rtol=0, atol=1e-6)


def test_problem_with_many_rows_is_scored_in_the_order_of_its_rows():
    scores = rank.get_label_quality_scores(*RAGGED.both(), n_jobs=3)
    np.testing.assert_array_equal(scores, RAGGED.pred_probs[np.arange(10_003), RAGGED.labels])


def test_scores_of_probabilities_that_do_not_sum_to_one():
    """As cleanlab: rows need not."""
    problem = Problem(SMALL.labels, SMALL.pred_probs * 0.5)
    for method, adjust in RANKINGS:
        options = {"method": method, "adjust_pred_probs": adjust}
        scores = rank.get_label_quality_scores(*problem.both(), **options)
        expected = reference(cleanlab_rank.get_label_quality_scores, *problem.both(), **options)
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)
