"""What a lab is given: labels that are missing, odd data, and bad input refused before work starts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from datalab_problems import BLOBS, DATA, assert_same_answers, audited, blobs, label_sets, numbers, unlabeled

from fastcl import Datalab
from fastcl.neighbors import build_knn_graph

# -- labels that are missing


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


def test_rows_without_label_have_votes_of_neighbours():
    lab = audited(unlabeled(), features=BLOBS.features, issue_types={"label": {"k": 7}})
    assert not lab.failed
    assert lab.get_issues("label").predicted_label.notna().all()
    assert "votes of 7 neighbours" in lab._findings["label"].notes[0]
    assert lab.get_info("label")["find_issues_inputs"]["features"]


def test_a_thousand_classes_have_no_table_of_their_pairs():
    rng = np.random.default_rng(0)
    labels, pred_probs = rng.permutation(np.arange(4400) % 1100), rng.dirichlet(np.ones(1100), 4400)
    with pytest.warns(UserWarning, match="No label issues are looked for"):
        lab = audited({"y": labels}, pred_probs=pred_probs, issue_types=["label"])
    assert not lab.failed
    assert lab.get_info("label")["overlapping_classes"] is None


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
    ({"features": BLOBS.features, "issue_types": {"outlier": {"k": 0}}}, ValueError, r"\['k'\]` must"),
    ({"features": BLOBS.features, "issue_types": {"outlier": {"k": 2.5}}}, TypeError, r"\['k'\]` must"),
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


FILTER = "find_label_issues_kwargs"

BAD_OPTIONS = {
    "classification": [
        ("label", "k", 0),
        ("label", "clean_learning_kwargs", {"folds": 3}),
        ("label", "clean_learning_kwargs", {FILTER: {"filter_by": "prune"}}),
        ("label", "clean_learning_kwargs", {FILTER: {"frac_noise": 2}}),
        ("label", "clean_learning_kwargs", {FILTER: {"num_to_remove_per_class": [1]}}),
        ("label", "clean_learning_kwargs", {"label_quality_scores_kwargs": {"method": "entropy"}}),
        ("label", "clean_learning_kwargs", {"pulearning": 0}),
        ("label", "health_summary_parameters", {"asymetric": True}),
        ("label", "thresholds", [0.5, 0.5]),
        ("label", "noise_matrix", np.eye(3)),
        ("label", "inverse_noise_matrix", np.ones((5, 5))),
        ("outlier", "k", 0),
        ("outlier", "k", 2.5),
        ("outlier", "t", 0),
        ("outlier", "metric", "cosinus"),
        ("outlier", "scaling_factor", -1.0),
        ("outlier", "threshold", 1.5),
        ("outlier", "ood_kwargs", {"t": 1}),
        ("outlier", "ood_kwargs", {"params": {"M": 0}}),
        ("near_duplicate", "threshold", "low"),
        ("conflicting_labels", "k", True),
        ("leakage", "metric", 5),
        ("non_iid", "num_permutations", 0),
        ("non_iid", "seed", -1),
        ("non_iid", "significance_threshold", 5),
        ("class_imbalance", "threshold", -1),
        ("ambiguous", "threshold", -1),
        ("data_valuation", "threshold", 2),
        ("underperforming_group", "threshold", 2),
        ("underperforming_group", "min_cluster_samples", 0),
        ("underperforming_group", "clustering_kwargs", {"metric": "cosine"}),
        ("underperforming_group", "clustering_kwargs", {"eps": -1}),
        ("underperforming_group", "cluster_ids", np.zeros(502, int)),
        ("underperforming_group", "cluster_ids", ["a"] * 503),
        ("identifier_column", "features", [[1, 2]]),
        ("short_text", "min_characters", -1),
        ("long_text", "max_characters", "all"),
        ("long_text", "fence", 1000),
        ("repeated_text", "normalize", "letters"),
        ("pii", "types", "e-mail address"),
        ("pii", "types", ["email", "name"]),
        ("pii", "types", 5),
    ],
    "regression": [
        ("label", "threshold", -1),
        ("label", "method", "residuals"),
        ("label", "uncertainty", -1),
        ("label", "uncertainty", [1.0, 2.0]),
        ("label", "coarse_search_range", [2]),
        ("label", "fine_search_size", -1),
        ("label", "model_kwargs", "fast"),
        ("label", "clean_learning_kwargs", {"folds": 3}),
        ("label", "clean_learning_kwargs", {"cv_n_folds": 1}),
        ("label", "coarse_range", [0.1]),
    ],
    "multilabel": [
        ("label", "filter_by", "prune"),
        ("label", "frac_noise", -1),
        ("label", "num_to_remove_per_class", [1]),
        ("label", "min_examples_per_class", -1),
        ("label", "confident_joint", np.ones((3, 2, 2))),
        ("label", "n_jobs", 0),
        ("label", "method", "entropy"),
        ("label", "aggregator_kwargs", {"method": "mean of all"}),
    ],
}
OPTIONS = [(task, *bad) for task, all_bad in BAD_OPTIONS.items() for bad in all_bad]


@pytest.mark.parametrize(("task", "name", "option", "value"), OPTIONS)
def test_options_beyond_their_limits_are_refused_before_work_starts(monkeypatch, task, name, option, value):
    no_work(monkeypatch)
    problem = {"classification": BLOBS, "regression": numbers(), "multilabel": label_sets()}[task]
    lab = Datalab({"y": problem.labels, "text": ["a"] * 503}, task, "y", text_key="text", verbosity=0)
    inputs = {"pred_probs": problem.pred_probs, "features": problem.features, "split": np.arange(503) % 2}
    with pytest.raises((TypeError, ValueError), match="` must "):
        lab.find_issues(**inputs, issue_types={"class_imbalance": {}} | {name: {option: value}})
    assert not lab.failed


@pytest.mark.parametrize("score", ["self_confidence", "normalized_margin"])
def test_the_class_whose_labels_are_right_is_called_by_its_name(score):
    """With another score the labels are swept again, as codes."""
    problem = blobs(n_classes=2)
    options = {"pulearning": "dog", "label_quality_scores_kwargs": {"method": score}}
    by_name = audited(
        {"y": np.array(["cat", "dog"])[problem.labels]},
        pred_probs=problem.pred_probs,
        issue_types={"label": {"clean_learning_kwargs": options}},
    )
    by_code = audited(
        {"y": problem.labels},
        pred_probs=problem.pred_probs,
        issue_types={"label": {"clean_learning_kwargs": options | {"pulearning": 1}}},
    )
    flagged = by_name.get_issues("label").query("is_label_issue")
    assert flagged.index.tolist() == np.flatnonzero(by_code.issues.is_label_issue).tolist()
    assert set(flagged.given_label) == {"cat"}


#: Options that may be anything: flags, and what the reference takes and nobody needs.
FREE = {"save_space", "clf_kwargs", "validation_func", "verbose", "low_memory", "adjust_pred_probs"}


@pytest.mark.parametrize("task", BAD_OPTIONS)
def test_every_option_has_a_limit(task):
    from fastcl.datalab.audit import known_checks

    for check in known_checks(task).values():
        assert check.options.keys() - check.limits.keys() <= FREE, check.name
        assert check.limits.keys() <= check.options.keys() | {"k", "metric"}, check.name


def test_limits_are_not_asked_where_the_check_cannot_run():
    """That is then what is wrong, and limits may look at inputs that are not there."""
    with pytest.warns(UserWarning, match="'label' needs `label_name` and `pred_probs`"):
        lab = audited(issue_types={"label": {"thresholds": [0.5]}})
    assert list(lab.failed) == ["label"]


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
            lab.find_issues(pred_probs=[[0.4, 0.6]], features=problem.features[:1])
        assert "at least two rows" in str(lab.failed["outlier"])
        assert {"null", "exact_duplicate", "class_imbalance"} <= set(lab.issue_summary.issue_type)
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
    pl, pa, datasets = map(pytest.importorskip, ("polars", "pyarrow", "datasets"))
    for table, kind in (
        (pl.DataFrame(DATA), pl.DataFrame),
        (pa.table(DATA), pa.Table),
        (pd.DataFrame(DATA), pd.DataFrame),
        (datasets.Dataset.from_dict(DATA), datasets.Dataset),
    ):
        lab = Datalab(table, label_name="y", verbosity=0)
        assert isinstance(lab.issues, kind)
        lab.find_issues(pred_probs=BLOBS.pred_probs, features=BLOBS.features)
        checks = [lab.get_issues(name) for name in lab.list_default_issue_types() if name in lab.info]
        health = lab.get_info("label")["classes_by_label_quality"]
        new = lab.score_new(data=table, pred_probs=BLOBS.pred_probs, features=BLOBS.features)
        for answer in (lab.issues, lab.issue_summary, *checks, health, new, lab.monitor().compare(new)):
            assert isinstance(answer, kind)


def test_answers_for_a_dataset_go_beside_it():
    """Flags as columns of the data themselves, to filter by and to push: what one does with a Hugging Face dataset."""
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict(DATA)
    lab, twin = (audited(one, pred_probs=BLOBS.pred_probs) for one in (data, pd.DataFrame(DATA)))
    both = datasets.concatenate_datasets([data, lab.get_issues()], axis=1)
    wrong = both.filter(lambda row: row["is_label_issue"])
    assert wrong["y"][:] == BLOBS.labels[twin.issues.is_label_issue].tolist()
    pd.testing.assert_frame_equal(lab.get_issues("label").to_pandas(), twin.get_issues("label"), check_dtype=False)


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
    lab = Datalab({"x": [1, 2, 3]}, verbosity=0)
    with pytest.raises(TypeError, match="columns of numbers; got 'color'"):
        lab.find_issues(features=features)
    lab.find_issues(features=features, issue_types=["null"])
    assert not lab.failed


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


def test_lists_of_rows_are_lists_in_every_library():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    sets = audited(pl.DataFrame(DATA), features=BLOBS.features).get_issues("near_duplicate")["near_duplicate_sets"]
    assert sets.dtype == pl.List(pl.Int64)
    assert sets[0].to_list() == [5]
    sets = audited(pa.table(DATA), features=BLOBS.features).get_issues("near_duplicate")["near_duplicate_sets"]
    assert sets.type == pa.list_(pa.int64())
    problem = label_sets()
    labels = [None, *problem.labels[1:]]
    lab = audited(pl.DataFrame({"y": labels}), "y", "multilabel", pred_probs=problem.pred_probs)
    assert lab.get_issues("label")["given_label"].to_list() == labels
