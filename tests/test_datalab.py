"""What a lab promises whatever its checks are: one graph, no order, nothing lost."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from datalab_problems import BLOBS, DATA, assert_same_answers, audited, label_sets

from fastcl import Datalab
from fastcl.datalab import Finding, check
from fastcl.neighbors import build_knn_graph

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


# -- nothing depends on what ran before


def test_features_that_lack_values_after_others_run_what_they_can():
    lacking = BLOBS.features.copy()
    lacking[3, 3] = np.nan
    lab = audited(features=BLOBS.features)
    lab.find_issues(features=lacking, issue_types=["null"])
    assert not lab.failed
    for graph in (build_knn_graph(BLOBS.features), build_knn_graph(BLOBS.features).to_csr()):
        assert not audited(features=lacking, knn_graph=graph, issue_types=["null", "outlier"]).failed


@pytest.mark.parametrize("n_columns", [2, 12])
def test_the_metric_of_earlier_features_is_not_inherited(n_columns):
    lab = audited(features=BLOBS.features[:, : 14 - n_columns], issue_types=["null"])
    features = BLOBS.features[:, :n_columns]
    lab.find_issues(features=features, issue_types=["outlier"])
    assert_same_answers(lab, audited(features=features, issue_types=["outlier"]), ["outlier"])


def test_a_graph_that_was_given_is_not_that_of_later_features():
    lab = audited(knn_graph=build_knn_graph(BLOBS.features, n_neighbors=5, metric="euclidean"), issue_types=["outlier"])
    lab.find_issues(features=BLOBS.features, issue_types=["outlier"])
    assert_same_answers(lab, audited(features=BLOBS.features, issue_types=["outlier"]), ["outlier"])


def test_features_changed_since_are_not_mixed_with_those_of_before():
    features = BLOBS.features.copy()
    lab = audited(features=features, issue_types=["outlier"])
    features += np.arange(12)
    with pytest.warns(UserWarning, match="Pass them again"):
        lab.find_issues(issue_types={"near_duplicate": {"k": 15}})


def test_a_check_that_fails_has_no_answer_any_more():
    features = BLOBS.features.copy()
    lab = audited(features=features, issue_types=["outlier"])
    features += np.arange(12)
    with pytest.warns(UserWarning, match="Pass them again"):
        lab.find_issues(issue_types={"outlier": {"k": 15}})
    assert "outlier" not in lab.issue_summary.issue_type.tolist()
    with pytest.raises(ValueError, match="Pass them again"):
        lab.get_issues("outlier")


def test_features_of_one_check_go_before_the_graph_of_all():
    graph, own = build_knn_graph(BLOBS.features), BLOBS.features[:, :5]
    lab = audited(knn_graph=graph, issue_types={"outlier": {"features": own}})
    assert_same_answers(lab, audited(features=own, issue_types=["outlier"]), ["outlier"])


def test_a_graph_with_few_neighbours_makes_way_where_there_are_features():
    graph = build_knn_graph(BLOBS.features, n_neighbors=5).to_csr()
    lab = audited(features=BLOBS.features, knn_graph=graph, issue_types={"outlier": {"k": 9}})
    assert_same_answers(lab, audited(features=BLOBS.features, issue_types={"outlier": {"k": 9}}), ["outlier"])


def test_groups_that_are_given_need_no_graph():
    options = {"underperforming_group": {"cluster_ids": np.arange(503) % 3, "threshold": 0.999}}
    lab = audited(pred_probs=BLOBS.pred_probs, issue_types=options)
    assert not lab.failed
    assert lab.get_issue_summary("underperforming_group").num_issues[0] > 0


def test_probabilities_by_name_in_another_order_give_the_same_bits():
    names = list("abcde")
    labels = {"y": np.array(names)[BLOBS.labels]}
    table = pd.DataFrame(BLOBS.pred_probs, columns=names)
    lab, other = audited(labels, pred_probs=BLOBS.pred_probs), audited(labels, pred_probs=table[names[::-1]])
    pd.testing.assert_frame_equal(lab.issues, other.issues)
    assert other.get_info("label")["class_names"] == names
    np.testing.assert_array_equal(other.get_info("label")["noise_matrix"], lab.get_info("label")["noise_matrix"])


def test_answers_cannot_be_written_to():
    lab = audited(pred_probs=BLOBS.pred_probs, features=BLOBS.features)
    for array in (
        lab.labels,
        lab.get_info("label")["confident_thresholds"],
        lab.get_info("outlier")["nearest_neighbor"],
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_rows_in_another_order_by_index_are_refused():
    data = pd.DataFrame(DATA)
    features = pd.DataFrame(BLOBS.features).iloc[::-1]
    with pytest.raises(ValueError, match="same order"):
        audited(data, features=features)
    audited(data, features=features.reset_index(drop=True), issue_types=["outlier"])


def test_rows_that_do_not_sum_to_one_are_questioned():
    with pytest.warns(UserWarning, match="sum to 0.5 rather than 1"):
        audited(pred_probs=BLOBS.pred_probs / 2, issue_types=["label"])


def test_classes_of_few_rows_are_noted():
    labels = BLOBS.labels.copy()
    labels[np.flatnonzero(labels == 3)[4:]] = 0
    with pytest.warns(UserWarning, match="No label issues are looked for"):
        lab = audited({"y": labels}, pred_probs=BLOBS.pred_probs)
    assert lab._findings["label"].notes == ("Nothing is flagged in 1 classes of at most 10 rows: 3.",)


def test_names_of_columns_are_kept_for_new_rows():
    data = {"a": BLOBS.features[:, 0], "b": BLOBS.features[:, 1] * 100}
    lab = audited(data, None, features=["a", "b"], issue_types=["outlier", "null"])
    new = pd.DataFrame({"a": [0.1, 0.2], "b": [10.0, 20.0]})
    pd.testing.assert_frame_equal(lab.score_new(features=new[["b", "a"]]), lab.score_new(features=new))
    pd.testing.assert_frame_equal(lab.score_new(data=new, features=["a", "b"]), lab.score_new(features=new))


def test_replacing_a_check_of_fastcl_is_said(own_checks):
    with pytest.warns(UserWarning, match="'outlier' of fastcl is replaced by yours, which runs on request only"):
        check("outlier")(lambda evidence: None)


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
