"""What a lab promises whatever its checks are: one graph, no order, nothing lost, clear errors before work starts."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from datalab_problems import blobs, label_sets, numbers

from fastcl import Datalab
from fastcl.datalab import Finding, check
from fastcl.neighbors import build_knn_graph

BLOBS = blobs()
DATA = {"y": BLOBS.labels}


def audited(data=DATA, label_name="y", task="classification", verbosity=0, keys=None, **inputs):
    lab = Datalab(data, task, label_name, verbosity=verbosity, **(keys or {}))
    lab.find_issues(**inputs)
    return lab


def assert_same_answers(lab, other, names):
    for name in names:
        pd.testing.assert_frame_equal(lab.get_issues(name), other.get_issues(name))
        pd.testing.assert_frame_equal(lab.get_issue_summary(name), other.get_issue_summary(name))


# -- one sweep, one graph


def count_calls(monkeypatch, module, name):
    """Count calls of a function where it is used."""
    calls = []
    real = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **kwargs: calls.append(kwargs) or real(*args, **kwargs))
    return calls


def test_one_sweep_and_one_graph_serve_all_checks(monkeypatch):
    from fastcl.datalab import evidence, graphs

    sweeps = count_calls(monkeypatch, evidence, "confident_sweep")
    built = count_calls(monkeypatch, graphs, "build_knn_graph")
    options = {"outlier": {"k": 4}, "near_duplicate": {}, "non_iid": {"k": 17}, "label": {}, "ambiguous": {}}
    lab = audited(
        pred_probs=BLOBS.pred_probs, features=BLOBS.features, issue_types=options | {"underperforming_group": {}}
    )
    assert not lab.failed
    assert len(sweeps) == 1
    assert [call["n_neighbors"] for call in built] == [17]


def test_s8_answers_do_not_depend_on_the_order_of_checks():
    options = {"near_duplicate": {"k": 20}, "outlier": {"k": 5}, "non_iid": {"k": 3}, "data_valuation": {"k": 8}}
    inputs = {"pred_probs": BLOBS.pred_probs, "features": BLOBS.features}
    lab = audited(**inputs, issue_types=options)
    other = audited(**inputs, issue_types=dict(reversed(options.items())))
    assert_same_answers(lab, other, options)


def test_s8_k_is_honoured_with_a_larger_graph():
    graph = build_knn_graph(BLOBS.features, n_neighbors=30)
    for name in ("outlier", "near_duplicate", "non_iid", "data_valuation"):
        given = audited(knn_graph=graph, issue_types={name: {"k": 5}})
        built = audited(features=BLOBS.features, issue_types={name: {"k": 5}})
        assert_same_answers(given, built, [name])
        assert given.get_info(name)["k"] == 5
        assert given.get_info(name)["metric"] == "cosine"


def test_s7_new_features_make_a_new_graph():
    lab = audited(features=BLOBS.features, issue_types=["outlier"])
    others = BLOBS.features[::-1].copy()
    lab.find_issues(features=others, issue_types=["outlier"])
    assert_same_answers(lab, audited(features=others, issue_types=["outlier"]), ["outlier"])


def test_features_changed_in_place_make_a_new_graph():
    features = BLOBS.features.copy()
    lab = audited(features=features, issue_types=["outlier"])
    features[:100] += 1
    lab.find_issues(features=features, issue_types=["outlier"])
    assert_same_answers(lab, audited(features=features, issue_types=["outlier"]), ["outlier"])


def test_the_graph_is_kept_for_calls_without_features(monkeypatch):
    from fastcl.datalab import graphs

    lab = audited(features=BLOBS.features, issue_types=["outlier"])
    built = count_calls(monkeypatch, graphs, "build_knn_graph")
    lab.find_issues(issue_types=["near_duplicate", "non_iid"])
    lab.find_issues(features=BLOBS.features.copy(), issue_types=["data_valuation"])
    assert not built
    assert lab.issue_summary.issue_type.tolist() == ["outlier", "near_duplicate", "non_iid", "data_valuation"]


def test_a_later_call_may_want_more_neighbours():
    lab = audited(features=BLOBS.features, issue_types=["outlier"])
    lab.find_issues(issue_types={"outlier": {"k": 25}})
    assert_same_answers(lab, audited(features=BLOBS.features, issue_types={"outlier": {"k": 25}}), ["outlier"])


def test_a_metric_of_one_check_is_no_other_checks():
    inputs = {"features": BLOBS.features}
    lab = audited(**inputs, issue_types={"near_duplicate": {"metric": "euclidean"}, "outlier": {}})
    assert lab.get_info("near_duplicate")["metric"] == "euclidean"
    assert_same_answers(lab, audited(**inputs, issue_types=["outlier"]), ["outlier"])


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_answers_are_thread_agnostic(n_jobs):
    inputs = {"pred_probs": BLOBS.pred_probs, "features": BLOBS.features}
    lab, other = audited(**inputs), audited(**inputs, n_jobs=n_jobs)
    pd.testing.assert_frame_equal(lab.issues, other.issues)
    pd.testing.assert_frame_equal(lab.issue_summary, other.issue_summary)


# -- what a call does and leaves


def test_s6_options_are_left_alone():
    options = {"label": {}, "outlier": {"k": 3, "ood_kwargs": {"params": {}}}}
    before = copy.deepcopy(options)
    audited(pred_probs=BLOBS.pred_probs, features=BLOBS.features, issue_types=options)
    assert options == before


def test_s5_the_random_state_of_numpy_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    audited(pred_probs=BLOBS.pred_probs, features=BLOBS.features)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_checks_that_run_again_replace_their_answer_and_go_last():
    lab = audited(pred_probs=BLOBS.pred_probs)
    lab.find_issues(
        pred_probs=BLOBS.pred_probs,
        issue_types={"label": {"clean_learning_kwargs": {"find_label_issues_kwargs": {"frac_noise": 0.2}}}},
    )
    assert lab.issue_summary.issue_type.tolist()[-1] == "label"
    assert lab.issues.columns.tolist()[-2:] == ["is_label_issue", "label_score"]


def test_an_empty_dict_of_checks_runs_nothing_and_says_so():
    lab = Datalab(DATA, label_name="y")
    with pytest.warns(UserWarning, match="no check was run"):
        lab.find_issues(pred_probs=BLOBS.pred_probs, issue_types={})
    assert len(lab.issue_summary) == 0
    assert len(lab.issues) == len(BLOBS.labels)


def test_s22_get_issues_goes_by_the_whole_name(own_checks):
    @check("out")
    def out(evidence):
        """Nothing."""
        return Finding(np.zeros(evidence.n_rows, bool), np.ones(evidence.n_rows))

    lab = audited(features=BLOBS.features, issue_types=["out", "outlier"])
    assert lab.get_issues("out").columns.tolist() == ["is_out_issue", "out_score"]


def test_own_inputs_of_one_check_serve_it_alone():
    lab = audited(
        features=BLOBS.features, issue_types={"outlier": {"features": BLOBS.features[:, :5]}, "near_duplicate": {}}
    )
    assert not lab.failed
    assert_same_answers(lab, audited(features=BLOBS.features[:, :5], issue_types=["outlier"]), ["outlier"])
    assert_same_answers(lab, audited(features=BLOBS.features, issue_types=["near_duplicate"]), ["near_duplicate"])


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
        (Finding(np.zeros(3, bool), np.ones(3)), "flags and scores of 503 rows"),
        (Finding(np.zeros(503, bool)), "flags and scores, or neither"),
        (Finding(np.zeros(503), np.ones(503)), "booleans"),
        (Finding(np.zeros(503, bool), np.ones(503), summary=1.5), "summary in"),
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
    ],
)
def test_check_rejects_unknown_words(arguments, said):
    with pytest.raises(ValueError, match=said):
        check(**arguments)


# -- labels that are missing


def unlabeled(problem=BLOBS, rows=(3, 77, 200)):
    labels = np.array([f"class {label}" for label in problem.labels], object)
    labels[list(rows)] = None
    return {"y": labels}


def test_rows_without_label_get_a_suggestion_and_no_verdict():
    lab = audited(unlabeled(), pred_probs=BLOBS.pred_probs, features=BLOBS.features)
    assert not lab.failed
    issues = lab.get_issues("label")
    rows = [3, 77, 200]
    assert not issues.is_label_issue[rows].any()
    assert issues.label_score[rows].isna().all()
    assert issues.given_label[rows].isna().all()
    expected = [f"class {k}" for k in BLOBS.pred_probs[rows].argmax(axis=1)]
    assert issues.predicted_label[rows].tolist() == expected
    assert issues.label_score.notna().sum() == len(issues) - 3


def test_rows_without_label_change_nothing_for_the_others():
    keep = np.setdiff1d(np.arange(len(BLOBS.labels)), [3, 77, 200])
    lab = audited(unlabeled(), pred_probs=BLOBS.pred_probs)
    part = audited({"y": unlabeled()["y"][keep]}, pred_probs=BLOBS.pred_probs[keep])
    for name in ("label", "ambiguous", "class_imbalance"):
        mine, theirs = lab.get_issues(name).iloc[keep, :2], part.get_issues(name).iloc[:, :2]
        np.testing.assert_array_equal(mine, theirs, name)
        np.testing.assert_allclose(lab.get_issue_summary(name).score, part.get_issue_summary(name).score, rtol=1e-15)


def test_rows_without_label_are_suggested_one_by_their_neighbours_where_there_is_no_model():
    lab = audited(unlabeled(), features=BLOBS.features)
    assert not lab.failed
    assert lab.get_issues("label").predicted_label[[3, 77, 200]].notna().all()


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_rows_without_label_in_other_tasks(task):
    problem = numbers() if task == "regression" else label_sets()
    labels = list(problem.labels)
    labels[5] = None
    lab = audited({"y": labels}, "y", task, pred_probs=problem.pred_probs, features=problem.features)
    assert not lab.failed
    issues = lab.get_issues("label")
    assert not issues.is_label_issue[5]
    assert np.isnan(issues.label_score[5])
    assert issues.label_score.notna().sum() == len(labels) - 1


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


# -- labels and columns of probabilities


def test_s13_integer_labels_that_miss_a_class_are_indices_of_columns():
    labels = np.where(BLOBS.labels == 1, 2, BLOBS.labels)
    lab, peer = audited({"y": labels}, pred_probs=BLOBS.pred_probs), blobs()
    assert not lab.failed
    np.testing.assert_array_equal(lab.get_issues("label").label_score, peer.pred_probs[np.arange(len(labels)), labels])
    assert set(lab.get_issues("label").predicted_label) <= {0, 1, 2, 3, 4}


def test_probabilities_with_names_are_matched_by_name():
    labels = np.array(["a", "b", "c", "d", "e"])[BLOBS.labels]
    table = pd.DataFrame(BLOBS.pred_probs, columns=list("abcde"))
    lab, shuffled = (audited({"y": labels}, pred_probs=table[list(order)]) for order in ("abcde", "ecabd"))
    pd.testing.assert_frame_equal(lab.get_issues("label"), shuffled.get_issues("label"))


def test_s24_regression_has_labels():
    lab = Datalab({"y": [1.5, 2.5]}, "regression", "y")
    assert lab.has_labels
    assert lab.class_names == []
    assert not Datalab({"y": [1.5, 2.5]}, "regression").has_labels


# -- bad input, each before any check runs


def no_work(monkeypatch):
    from fastcl.datalab import audit

    monkeypatch.setattr(audit, "run", lambda *_: pytest.fail("work has begun"))


BAD_INPUTS = [
    ({"pred_probs": BLOBS.pred_probs[:-1]}, ValueError, "`pred_probs` must have 503 rows, as the data; got 502"),
    ({"features": BLOBS.features[:-1]}, ValueError, "`features` must have 503 rows"),
    ({"features": BLOBS.features, "split": ["a"]}, ValueError, "`split` must have 503 rows"),
    ({"features": BLOBS.features, "split": "splitt"}, ValueError, "splitt"),
    ({"pred_probs": BLOBS.pred_probs[:, :3]}, ValueError, "3"),
    ({"pred_probs": BLOBS.pred_probs[:, 0]}, ValueError, "shape"),
    ({"pred_probs": np.log(BLOBS.pred_probs + 1e-9)}, ValueError, "logits"),
    ({"pred_probs": np.where(np.eye(503, 5) > 0, np.nan, BLOBS.pred_probs)}, ValueError, "NaN|nan"),
    ({"pred_probs": BLOBS.pred_probs, "issue_types": {"lable": {}}}, ValueError, "Did you mean 'label'"),
    ({"pred_probs": BLOBS.pred_probs, "issue_types": {"zzz": {}}}, ValueError, "There are 'null', 'label'"),
    ({"features": BLOBS.features, "issue_types": {"outlier": {"treshold": 1}}}, ValueError, "Did you mean 'threshold'"),
    ({"features": BLOBS.features, "issue_types": {"outlier": 5}}, TypeError, "dict of options"),
    ({"features": BLOBS.features, "issue_types": "outlier"}, TypeError, "list of names"),
    ({"features": BLOBS.features, "issue_types": {"outlier": {"k": 0}}}, ValueError, "`k`"),
    ({"features": BLOBS.features, "issue_types": {"outlier": {"k": 2.5}}}, TypeError, "`k`"),
    ({"knn_graph": build_knn_graph(BLOBS.features[:-1])}, ValueError, "503 rows"),
    ({"knn_graph": build_knn_graph(BLOBS.features[::-1]), "features": BLOBS.features}, ValueError, "of other ones"),
    ({"knn_graph": build_knn_graph(BLOBS.features), "issue_types": {"outlier": {"k": 20}}}, ValueError, "at most 10"),
    (
        {"knn_graph": build_knn_graph(BLOBS.features), "issue_types": {"outlier": {"metric": "euclidean"}}},
        ValueError,
        "metric",
    ),
    ({"pred_probs": BLOBS.pred_probs, "n_jobs": 0}, ValueError, "n_jobs"),
    ({"features": BLOBS.features[:, 0]}, ValueError, "One feature: features.reshape"),
    ({"features": ["a text"] * 503}, ValueError, "a column 'a text'"),
    ({"features": "nope"}, ValueError, "`features` must be an array, a column of the data, or the path"),
    ({"pred_probs": "nope.npy"}, (ValueError, FileNotFoundError), "`pred_probs`"),
]


@pytest.mark.parametrize(("inputs", "error", "said"), BAD_INPUTS, ids=[said for *_, said in BAD_INPUTS])
def test_bad_input_is_refused_before_work_starts(monkeypatch, inputs, error, said):
    no_work(monkeypatch)
    lab = Datalab(DATA, label_name="y", verbosity=0)
    with pytest.raises(error, match=said):
        lab.find_issues(**inputs)
    assert len(lab.issue_summary) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"task": "clasification"}, ValueError, "classification"),
        ({"label_name": "z"}, ValueError, "z"),
        ({"image_key": "z"}, ValueError, "z"),
        ({"text_key": "z"}, ValueError, "z"),
        ({"verbosity": 9}, ValueError, "verbosity"),
    ],
)
def test_a_lab_rejects_what_cannot_be(arguments, error, said):
    with pytest.raises(error, match=said):
        Datalab(DATA, **{"label_name": "y"} | arguments)


def test_asking_for_what_has_not_run_says_how_to_run_it():
    lab = Datalab(DATA, label_name="y")
    for ask in (lab.get_issues, lab.get_issue_summary, lab.get_info):
        with pytest.raises(ValueError, match="find_issues"):
            ask("label")
        with pytest.raises(ValueError, match="Did you mean 'label'"):
            ask("labels")


# -- odd data


@pytest.mark.filterwarnings("ignore:No label issues are looked for")
@pytest.mark.parametrize("n", [1, 2, 3, 10, 11])
def test_s32_few_rows(n):
    problem = blobs(n=60)
    lab = Datalab({"y": np.arange(n) % 2}, label_name="y", verbosity=0)
    if n == 1:
        with pytest.warns(UserWarning, match="failed"):
            lab.find_issues(pred_probs=problem.pred_probs[:1, :2], features=problem.features[:1])
        assert set(lab.failed) <= {"label", "ambiguous", "outlier", "non_iid", "class_imbalance"}
        return
    shares = problem.pred_probs[:n, :2] + 0.01
    lab.find_issues(
        pred_probs=shares / shares.sum(axis=1, keepdims=True),
        features=problem.features[:n],
        issue_types=["label", "outlier", "near_duplicate", "non_iid", "class_imbalance", "exact_duplicate", "null"],
    )
    assert not lab.failed
    assert lab.get_info("outlier")["k"] == min(10, n - 1)


def test_all_rows_identical():
    n = 40
    lab = Datalab({"y": np.arange(n) % 2}, label_name="y", verbosity=0)
    lab.find_issues(
        pred_probs=np.full((n, 2), 0.5),
        features=np.ones((n, 4)),
        issue_types=["label", "outlier", "near_duplicate", "exact_duplicate", "conflicting_labels", "class_imbalance"],
    )
    assert not lab.failed
    assert lab.get_issue_summary("outlier").num_issues[0] == 0
    assert lab.get_issue_summary("exact_duplicate").num_issues[0] == n
    assert lab.get_issue_summary("conflicting_labels").num_issues[0] == n


def test_a_column_of_nulls_only():
    with pytest.raises(ValueError, match="label"):
        Datalab({"y": [None, None]}, label_name="y")
    features = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [np.nan] * 3})
    lab = audited({"x": [1, 2, 3]}, None, features=features, issue_types=["null"])
    assert lab.get_issues("null").null_score.tolist() == [0.5] * 3


def test_an_index_that_is_not_unique_changes_nothing():
    frame = pd.DataFrame({"y": BLOBS.labels}, index=np.zeros(len(BLOBS.labels), int))
    lab, plain = audited(frame, pred_probs=BLOBS.pred_probs), audited(pred_probs=BLOBS.pred_probs)
    pd.testing.assert_frame_equal(lab.issues, plain.issues)


def test_a_lab_without_labels_is_skipped_over_quietly():
    lab = audited({"x": BLOBS.labels}, None, pred_probs=BLOBS.pred_probs)
    assert not lab.failed
    assert lab.issue_summary.issue_type.tolist() == ["non_iid"]


def test_nothing_given_runs_what_needs_nothing():
    assert audited().issue_summary.issue_type.tolist() == ["class_imbalance"]


def test_answers_come_in_the_library_of_the_data():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for table, kind in (
        (pl.DataFrame(DATA), pl.DataFrame),
        (pa.table(DATA), pa.Table),
        (pd.DataFrame(DATA), pd.DataFrame),
    ):
        lab = audited(table, pred_probs=BLOBS.pred_probs, features=BLOBS.features)
        for answer in (lab.issues, lab.issue_summary, lab.get_issues("label"), lab.get_issues("near_duplicate")):
            assert isinstance(answer, kind)


def test_checks_of_images_may_be_nested_as_in_cleanlab():
    pytest.importorskip("PIL")
    images = [np.full((20, 20, 3), value, np.uint8) for value in (5, 120, 130)]
    nested, plain = (
        audited({"image": images}, None, keys={"image_key": "image"}, issue_types=types)
        for types in ({"image_issue_types": {"dark": {"threshold": 0.2}}}, {"dark": {"threshold": 0.2}})
    )
    assert not nested.failed
    assert_same_answers(nested, plain, ["dark"])


@pytest.mark.parametrize("n", [99, 100, 1003])
def test_order_of_many_rows_without_features_is_judged_by_runs_of_them(monkeypatch, n):
    from fastcl.datalab.checks import non_iid as module

    monkeypatch.setattr(module, "MOST_ROWS", 100)
    monkeypatch.setattr(module, "RUNS", 4)
    problem = blobs(n=n)
    lab = audited({"y": problem.labels}, pred_probs=problem.pred_probs, issue_types=["non_iid"])
    found = lab.get_issues("non_iid")
    assert found.non_iid_score.notna().sum() == min(n, 100)
    rows = np.flatnonzero(found.non_iid_score.notna())
    part = audited({"y": problem.labels[rows]}, pred_probs=problem.pred_probs[rows], issue_types=["non_iid"])
    np.testing.assert_array_equal(found.non_iid_score[rows], part.get_issues("non_iid").non_iid_score)
    assert lab.get_info("non_iid")["p-value"] == part.get_info("non_iid")["p-value"]


# -- what the reference gets wrong, and is not said above


def test_s9_options_of_outliers_by_probabilities_are_used():
    from fastcl.outlier import OutOfDistribution

    params = {"method": "least_confidence", "adjust_pred_probs": False}
    lab = audited(
        pred_probs=BLOBS.pred_probs, issue_types={"outlier": {"ood_kwargs": {"params": params}, "threshold": 0.6}}
    )
    expected = OutOfDistribution(params).fit_score(pred_probs=BLOBS.pred_probs)
    found = lab.get_issues("outlier")
    np.testing.assert_array_equal(found.outlier_score, expected)
    np.testing.assert_array_equal(found.is_outlier_issue, expected < 0.6 * np.median(expected))
    assert params == {"method": "least_confidence", "adjust_pred_probs": False}


def test_s10_minkowski_is_a_metric_of_outliers():
    lab, euclidean = (
        audited(features=BLOBS.features, issue_types={"outlier": {"metric": metric}})
        for metric in ("minkowski", "euclidean")
    )
    np.testing.assert_allclose(lab.issues.outlier_score, euclidean.issues.outlier_score, rtol=1e-12)


def test_s31_data_value_is_none_of_multilabel():
    problem = label_sets()
    lab = Datalab({"y": problem.labels}, "multilabel", "y")
    assert "data_valuation" not in lab.list_possible_issue_types()


def test_tables_are_made_anew():
    lab = audited()
    issues = lab.issues
    issues["mine"] = 1
    assert "mine" not in lab.issues.columns
    with pytest.raises(AttributeError):
        lab.issues = None


def test_find_issues_prints_nothing(capsys):
    audited(pred_probs=BLOBS.pred_probs, features=BLOBS.features, verbosity=4)
    assert capsys.readouterr() == ("", "")


# -- inputs that are less than usual


def test_features_may_be_a_frame_beside_labels_that_are_missing():
    frame = pd.DataFrame(BLOBS.features, columns=[f"x{k}" for k in range(12)])
    lab, array = audited(unlabeled(), features=frame), audited(unlabeled(), features=BLOBS.features)
    assert not lab.failed
    pd.testing.assert_frame_equal(lab.issues, array.issues)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_predictions_alone_run_what_they_can(task):
    problem = numbers() if task == "regression" else label_sets()
    lab = audited({"y": problem.labels}, "y", task, pred_probs=problem.pred_probs)
    assert not lab.failed
    assert lab.issue_summary.issue_type.tolist() == ["label"]


def test_one_class_alone_makes_no_probabilities():
    lab = audited({"y": ["a"] * 503}, features=BLOBS.features)
    assert not lab.failed
    assert "label" not in lab.issue_summary.issue_type.tolist()


def test_columns_of_words_are_named():
    features = pd.DataFrame({"size": [1.0, 2.0, 3.0], "color": ["red", "green", "blue"]})
    with pytest.warns(UserWarning, match="columns of numbers; got 'color'"):
        lab = audited({"x": [1, 2, 3]}, None, features=features)
    assert lab.issue_summary.issue_type.tolist() == ["null"]


def test_rows_that_lack_features_leave_probabilities_their_say():
    features = BLOBS.features.copy()
    features[7, 0] = np.nan
    with pytest.warns(UserWarning, match="checks failed"):
        lab = audited(features=features, pred_probs=BLOBS.pred_probs)
    assert_same_answers(lab, audited(pred_probs=BLOBS.pred_probs), ["ambiguous", "label"])


def test_inputs_may_be_columns_of_the_data_and_files(tmp_path):
    np.save(tmp_path / "p.npy", BLOBS.pred_probs)
    data = DATA | {f"x{k}": column for k, column in enumerate(BLOBS.features.T)} | {"vector": BLOBS.features}
    expected = audited(pred_probs=BLOBS.pred_probs, features=BLOBS.features)
    for features in ("vector", [f"x{k}" for k in range(12)]):
        lab = audited(data, pred_probs=str(tmp_path / "p.npy"), features=features)
        pd.testing.assert_frame_equal(lab.issues, expected.issues)


def test_an_audit_of_nothing_says_what_it_needs():
    lab = Datalab({"x": [1, 2]}, verbosity=0)
    with pytest.warns(UserWarning, match="No check can run: pass `pred_probs` or `features`"):
        lab.find_issues()


def test_groups_that_there_are_none_of_are_no_failure():
    far = np.random.default_rng(0).normal(size=(503, 3)) * 1000
    lab = audited(pred_probs=BLOBS.pred_probs, features=far)
    assert not lab.failed
    assert lab.get_issue_summary("underperforming_group").score[0] == 1
    assert "No group could be judged" in lab._findings["underperforming_group"].notes[0]


def test_an_audit_of_many_rows_of_strings_keeps_codes_and_names():
    """Names of classes are written out for those who ask, not for a million rows at once."""
    from fastcl.datalab.data.named import Named

    lab = audited({"y": np.array(list("abcde"))[BLOBS.labels]}, pred_probs=BLOBS.pred_probs)
    columns = lab._findings["label"].columns
    assert all(isinstance(column, Named) for column in columns.values())
    assert lab.get_info("label")["given_label"].tolist() == lab.get_issues("label").given_label.tolist()
