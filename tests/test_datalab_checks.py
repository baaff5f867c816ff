"""Checks: those that fail, those of users, and those beyond the reference's."""

from __future__ import annotations

import numpy as np
import pytest
from datalab_problems import BLOBS, DATA, audited, blobs, numbers

from fastcl import Datalab
from fastcl.datalab import Finding, check
from fastcl.datalab.limits import whole
from fastcl.neighbors import build_knn_graph

# -- failures


def test_s33_a_check_that_fails_is_recorded_and_said_once(own_checks):
    @check("broken", default=True)
    def broken(evidence):
        """Never works."""
        raise RuntimeError("no luck today")

    lab = Datalab(DATA, label_name="y", verbosity=0)
    with pytest.warns(UserWarning, match="no luck today") as said:
        lab.find_issues(pred_probs=BLOBS.pred_probs)
    assert len(said) == 1
    assert list(lab.failed) == ["broken"]
    assert "label" in lab.issue_summary.issue_type.tolist()
    with pytest.raises(ValueError, match="no luck today"):
        lab.get_issues("broken")


def test_checks_that_fail_for_one_reason_are_said_in_one_breath():
    features = BLOBS.features.copy()
    features[3, 2] = np.nan
    lab = Datalab(DATA, label_name="y", verbosity=0)
    with pytest.warns(UserWarning, match="outlier, near_duplicate") as said:
        lab.find_issues(features=features, pred_probs=BLOBS.pred_probs)
    assert str(said[0].message).count("finite") == 1
    assert lab.get_issue_summary("null").num_issues[0] == 0
    assert lab.get_issue_summary("label").num_issues[0] > 0


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (None, "be a Finding; got NoneType"),
        (Finding(np.zeros(3, bool), np.ones(3)), "flags of 503 rows"),
        (Finding(np.zeros(503, bool)), "flags and scores, or neither"),
        (Finding(np.zeros(503), np.ones(503)), "booleans"),
        (Finding(np.zeros(503, bool), np.ones(503), summary=1.5), "summary in"),
        (Finding(np.zeros(503, bool), np.full(503, 7.0)), "scores in .0, 1."),
        (Finding(np.zeros(503, bool), np.full(503, "a")), "scores that are numbers"),
        (Finding(info=[1]), "info that is a dict"),
        (Finding(np.zeros(503, bool), np.ones(503), columns={"a": np.ones((503, 2))}), "columns of 503 values"),
        (Finding(np.zeros(503, bool), np.ones(503), columns={"a": [1]}), "columns of 503"),
    ],
)
def test_findings_that_are_none_fail(own_checks, finding, said):
    check("odd")(lambda evidence: finding)
    with pytest.warns(UserWarning, match=said):
        audited(issue_types=["odd"])


def test_a_check_without_what_it_needs_fails_and_says_what():
    with pytest.warns(UserWarning, match="'outlier' needs `features` or `knn_graph`, or `label_name` and `pred_probs`"):
        lab = audited(issue_types=["outlier", "class_imbalance"])
    assert lab.issue_summary.issue_type.tolist() == ["class_imbalance"]


# -- checks of the user


def test_own_checks_run_with_options_where_they_are_asked_for(own_checks):
    @check("unlucky", tasks=("classification",), shows={"number": 0})
    def unlucky(evidence, *, number=13):
        """Rows that superstition would leave out."""
        is_issue = np.arange(evidence.n_rows) == number
        return Finding(
            is_issue, 1.0 - is_issue, info={"number": number}, columns={"name": np.full(evidence.n_rows, "x")}
        )

    lab = audited(pred_probs=BLOBS.pred_probs, issue_types={"unlucky": {"number": 4}})
    assert np.flatnonzero(lab.get_issues("unlucky").is_unlucky_issue).tolist() == [4]
    assert lab.get_issues("unlucky").columns.tolist() == ["is_unlucky_issue", "unlucky_score", "name"]
    assert lab.get_info("unlucky")["number"] == 4
    assert "unlucky" in lab.list_possible_issue_types()
    assert "unlucky" not in lab.list_default_issue_types()
    with pytest.raises(ValueError, match="unlucky"):
        audited(
            numbers().labels[:, None] * 0 if False else {"y": [1.0, 2.0]}, "y", "regression", issue_types=["unlucky"]
        )


def test_own_default_checks_run_unasked(own_checks):
    @check("always", default=True, needs="labels")
    def always(evidence):
        """Nothing."""
        return Finding(np.zeros(evidence.n_rows, bool), np.ones(evidence.n_rows))

    assert "always" in audited().issue_summary.issue_type.tolist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "no word"}, "word of letters"),
        ({"name": "a", "tasks": ("clasification",)}, "tasks"),
        ({"name": "a", "needs": "labls"}, "needs"),
        ({"name": "a", "needs": ("labels", "pred_probs embeddings")}, "embeddings"),
        ({"name": "a", "limits": {"nummer": whole(0)}}, "'number'; got 'nummer'"),
    ],
)
def test_check_rejects_unknown_words(own_checks, arguments, said):
    def a(evidence, *, number=13):
        """Never run."""

    with pytest.raises(ValueError, match=said):
        check(**arguments)(a)


def test_limits_of_own_checks_hold_before_anything_runs(own_checks):
    def be_a_row(name, value, evidence):
        whole(0, evidence.n_rows - 1)(name, value, evidence)

    @check("unlucky", limits={"number": be_a_row})
    def unlucky(evidence, *, number=13):
        """Rows that superstition would leave out."""
        return Finding(np.arange(evidence.n_rows) == number, np.ones(evidence.n_rows))

    with pytest.raises(ValueError, match=r"`issue_types\['unlucky'\]\['number'\]` must lie in \[0, 502\]; got 503"):
        audited(issue_types={"unlucky": {"number": 503}})
    assert audited(issue_types={"unlucky": {"number": 4}}).issues.is_unlucky_issue.sum() == 1


# -- checks beyond the reference


def copies_labelled_alike():
    problem = blobs(noise=0)
    labels = problem.labels.copy()
    labels[5:9], labels[20] = labels[0:4], labels[21]
    return problem, labels


def test_conflicting_labels_are_found_among_copies():
    problem, labels = copies_labelled_alike()
    labels[5] = (labels[0] + 1) % 5  # row 5 is a copy of row 0
    lab = audited({"y": labels}, features=problem.features)
    assert np.flatnonzero(lab.get_issues("conflicting_labels").is_conflicting_labels_issue).tolist() == [0, 5]


def test_copies_without_label_contradict_nobody():
    problem, labels = copies_labelled_alike()
    labels = labels.astype(object)
    labels[5] = None
    lab = audited({"y": labels}, features=problem.features)
    assert lab.get_issue_summary("conflicting_labels").num_issues[0] == 0


@pytest.mark.parametrize("as_column", [True, False])
def test_leakage_is_found_across_splits(as_column):
    split = np.where(np.arange(len(BLOBS.labels)) < 5, "test", "train")
    lab = audited(DATA | {"split": split}, features=BLOBS.features, split="split" if as_column else split)
    found = lab.get_issues("leakage")
    assert set(np.flatnonzero(found.is_leakage_issue)) >= {0, 1, 2, 3, 5, 6, 7, 8}
    assert set(found.columns) == {"is_leakage_issue", "leakage_score", "group", "split"}
    assert lab.get_info("leakage")["pairs_of_splits"] == {"test / train": 4}


def test_leakage_takes_a_split_of_its_own():
    split = np.where(np.arange(len(BLOBS.labels)) < 5, "test", "train")
    lab = audited(features=BLOBS.features, issue_types={"leakage": {"split": split}})
    assert lab.get_issue_summary("leakage").num_issues[0] == 8


def test_exact_duplicates_are_found():
    lab = audited(features=BLOBS.features, issue_types=["exact_duplicate"])
    found = lab.get_issues("exact_duplicate")
    assert np.flatnonzero(found.is_exact_duplicate_issue).tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert np.flatnonzero(found.is_representative).tolist() == [0, 1, 2, 3]


def test_ambiguous_matches_the_function():
    from fastcl.ambiguity import find_ambiguous

    graph = build_knn_graph(BLOBS.features)
    lab = audited(pred_probs=BLOBS.pred_probs, knn_graph=graph)
    expected = find_ambiguous(BLOBS.labels, BLOBS.pred_probs, graph)
    np.testing.assert_array_equal(lab.get_issues("ambiguous").ambiguous_score, expected.scores)
    np.testing.assert_array_equal(lab.get_issues("ambiguous").is_ambiguous_issue, expected.is_issue)
    alone = audited(pred_probs=BLOBS.pred_probs)
    np.testing.assert_array_equal(
        alone.get_issues("ambiguous").ambiguous_score, find_ambiguous(BLOBS.labels, BLOBS.pred_probs).scores
    )


def test_without_probabilities_those_of_held_out_rows_are_used():
    from fastcl.filter import find_label_issues
    from fastcl.neighbors import loo_pred_probs

    lab = audited(features=BLOBS.features)
    pred_probs = loo_pred_probs(BLOBS.labels, BLOBS.features)
    np.testing.assert_array_equal(
        lab.get_issues("label").is_label_issue,
        find_label_issues(BLOBS.labels, pred_probs, min_examples_per_class=10),
    )
    assert lab.get_info("label")["find_issues_inputs"] == {"features": True, "pred_probs": False}
