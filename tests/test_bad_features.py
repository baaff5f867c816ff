"""Every bad input, at every function on features and graphs: one sentence that names the culprit; odd ones: answers."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from problems import make_problem

from fastcl import ambiguity, data_valuation, neighbors
from fastcl.outlier import OutOfDistribution

N = 60
LABELS, PRED_PROBS = make_problem(N, 3, seed=52).both()
FEATURES = np.random.default_rng(52).normal(size=(N, 5)) + 4 * np.eye(5)[LABELS]
FEATURES[N - 1] = FEATURES[0]
GRAPH = neighbors.build_knn_graph(FEATURES, n_neighbors=12)
MATRIX = GRAPH.to_csr()
TEXTS = [f"this is text number {row // 2} of many" for row in range(N)]
DUPLICATES = neighbors.find_near_duplicates(GRAPH)
NAMES = np.array(["a", "b", "c"])


def score_features(params, **options):
    return OutOfDistribution({"k": 5} | params).fit_score(**options)


def score_new(**options):
    detector = OutOfDistribution({"k": 5})
    detector.fit(features=FEATURES)
    return detector.score(**options)


def detector_of(name):
    """Return a function of one parameter of `OutOfDistribution`."""
    return lambda value: OutOfDistribution({name: value})


def changed(array, where, value):
    """Return a copy of `array` in which one entry is another."""
    array = (
        array.astype(object) if value is None or isinstance(value, str) else array.astype(np.result_type(array, 1.0))
    )
    array[where] = value
    return array


def matrix_with(part, where, value):
    """Return the graph's matrix with one number of its data, column indices or row starts changed."""
    matrix = MATRIX.copy()
    getattr(matrix, part)[where] = value
    return matrix


# -- what is wrong with an argument, whatever the function

KINDS = {"text": "abc", "a list": [5], "a dict": {}, "complex": 1j, "an object": object(), "boolean": True}
NUMBERS = KINDS | {"NaN": float("nan"), "negative": -0.5, "an array": np.array([1])}
WHOLES = NUMBERS | {"a fraction": 2.5, "infinite": float("inf"), "minus one": -1}
POSITIVE_WHOLES = WHOLES | {"zero": 0}
ABOVE_0 = NUMBERS | {"infinite": float("inf"), "zero": 0}
SHARES = NUMBERS | {"above one": 1.5, "none": None, "infinite": float("inf")}
FLAGS = {"text": "False", "a number": 1, "a list": [], "NaN": float("nan"), "an object": object()}
OPTIONS = {
    "another": "abc",
    "empty": "",
    "a number": 5,
    "none": None,
    "a list": ["auto"],
    "a dict": {},
    "an array": NAMES,
}
METRICS = {
    "another": "abc",
    "empty": "",
    "a number": 5,
    "a tuple": (),
    "a function": len,
    "a list": ["cosine"],
    "an array": NAMES,
}
N_JOBS = {"zero": 0, "minus two": -2, "a fraction": 1.5, "text": "2", "NaN": float("nan"), "a list": [1]}

FEATURE_FAULTS = {
    "none": None,
    "a number": 5,
    "text": "abc",
    "a dict": {"a": [1.0]},
    "a set": {1.0},
    "a generator": (row for row in FEATURES),
    "an empty list": [],
    "a ragged list": [[1.0, 2.0]] * (N - 1) + [[1.0]],
    "no axis": np.array(5.0),
    "one axis": FEATURES[:, 0],
    "three axes": FEATURES[None],
    "no columns": FEATURES[:, :0],
    "strings": FEATURES.astype(str),
    "objects": FEATURES.astype(object),
    "complex": FEATURES + 0j,
    "dates": np.zeros(FEATURES.shape, "M8[s]"),
    "records": np.zeros(N, [("a", float), ("b", float)]),
    "masked": np.ma.masked_less(FEATURES, 0),
    "a frame with text": pd.DataFrame(FEATURES).assign(x="t"),
    "a sparse matrix of complex numbers": scipy.sparse.csr_array(FEATURES + 0j),
}

#: Copies of rows can be looked for in these too: equal numbers are equal.
UNUSABLE_NUMBERS = {
    "NaN": changed(FEATURES, (3, 1), np.nan),
    "infinity": changed(FEATURES, (3, 1), np.inf),
    "minus infinity": changed(FEATURES, (3, 1), -np.inf),
    "float16 that overflowed": np.where(FEATURES > 1, np.float16(np.inf), FEATURES.astype(np.float16)),
    "too large to be squared": FEATURES * 1e300,
    "missing in Polars": pl.DataFrame({"a": [None, 1.0] * (N // 2), "b": [1.0] * N}),
    "NaN in a sparse matrix": scipy.sparse.csr_array(changed(FEATURES, (3, 1), np.nan)),
}

GRAPH_FAULTS = {
    "text": "abc",
    "a number": 5,
    "an array": FEATURES,
    "a dense matrix": MATRIX.toarray(),
    "a pair": (GRAPH.distances, GRAPH.indices),
    "negative distance": matrix_with("data", 3, -1),
    "NaN": matrix_with("data", 3, np.nan),
    "infinity": matrix_with("data", 3, np.inf),
    "self-loop": matrix_with("indices", 36, 3),
    "a neighbour twice": matrix_with("indices", 36, MATRIX.indices[37]),
    "a neighbour beyond": matrix_with("indices", 36, N + 5),
    "a negative neighbour": matrix_with("indices", 36, -2),
    "uneven rows": matrix_with("indptr", 4, MATRIX.indptr[4] - 1),
    "not square": MATRIX[:, :40],
    "no entries": scipy.sparse.csr_array((N, N)),
    "no rows": scipy.sparse.csr_array((0, 0)),
    "a neighbour beyond, in a graph": replace(GRAPH, indices=GRAPH.indices + N),
    "a negative neighbour, in a graph": replace(GRAPH, indices=GRAPH.indices - N),
}
OF_OTHERS = {
    "of a part": neighbors.build_knn_graph(FEATURES[:40], n_neighbors=12),
    "of a part, as a matrix": neighbors.build_knn_graph(FEATURES[:40], n_neighbors=12).to_csr(),
}
AMONG_OTHERS = {"among others": neighbors.query(FEATURES + 0.1, GRAPH)}

LABEL_FAULTS = {
    "text": "abc",
    "a number": 1,
    "a dict": {0: 1},
    "a generator": (label for label in LABELS),
    "no rows": LABELS[:0],
    "a column": LABELS[:, None],
    "NaN": changed(LABELS, 3, np.nan),
    "None": changed(LABELS, 3, None),
    "NaN in a list": [np.nan, "a"] * (N // 2),
    "None in a list": [None, "a"] * (N // 2),
    "pandas' NA": pd.Series(LABELS, dtype="Int64").where(LABELS != 2),
    "Polars' null": pl.Series(["a", None, "b"] * (N // 3)),
    "a category missing": pd.Series(["a", None, "b"] * (N // 3), dtype="category"),
    "no times": np.array(["NaT"] * N, "M8[s]"),
    "fractions": LABELS + 0.5,
    "masked": np.ma.masked_equal(LABELS, 2),
    "sets": np.array([{0}, {1}, {2}] * (N // 3), object),
    "ragged lists": [[0], [1, 2]] * (N // 2),
    "complex": LABELS + 0j,
    "sparse": scipy.sparse.csr_array(LABELS[None]),
    "two columns": pd.DataFrame({"a": LABELS, "b": LABELS}),
}
CODE_FAULTS = {
    "negative": changed(LABELS, 3, -1),
    "huge": changed(LABELS, 3, 1e300),
    "infinite": changed(LABELS, 3, np.inf),
}
ONE_CLASS = {"one class": np.zeros(N, int), "one name": ["a"] * N}

PRED_PROBS_FAULTS = {
    "none": None,
    "NaN": changed(PRED_PROBS, (3, 1), np.nan),
    "infinite": changed(PRED_PROBS, (3, 1), np.inf),
    "negative": changed(PRED_PROBS, (3, 1), -0.1),
    "percentages": PRED_PROBS * 100,
    "one axis": PRED_PROBS[:, 0],
    "three axes": PRED_PROBS[None],
    "no rows": PRED_PROBS[:0],
    "no columns": PRED_PROBS[:, :0],
    "strings": PRED_PROBS.astype(str),
    "objects": PRED_PROBS.astype(object),
    "masked": np.ma.masked_less(PRED_PROBS, 0.1),
    "sparse": scipy.sparse.csr_array(PRED_PROBS),
}

#: Of one value a row, of any kind that can be told apart.
COLUMN_FAULTS = {
    "a number": 5,
    "a dict": {},
    "short": LABELS[:-1],
    "long": np.append(LABELS, 0),
    "a column": LABELS[:, None],
    "NaN": changed(LABELS, 3, np.nan),
    "None": changed(LABELS, 3, None),
    "masked": np.ma.masked_equal(LABELS, 2),
    "sets": np.array([{0}, {1}, {2}] * (N // 3), object),
    "lists": [[0]] * N,
}
QUALITY_FAULTS = {name: COLUMN_FAULTS[name] for name in COLUMN_FAULTS if name != "lists"} | {
    "names": NAMES[LABELS],
    "numbers as text": LABELS.astype(str),
    "complex": LABELS + 1j,
    "dates": LABELS.astype("M8[D]"),
}
ID_FAULTS = COLUMN_FAULTS | {
    "names": NAMES[LABELS],
    "fractions": LABELS + 0.5,
    "booleans": LABELS > 0,
    "below -1": LABELS - 2,
    "beyond int64": LABELS.astype(np.uint64) + np.uint64(2**63),
}
HASH_FAULTS = {
    "text": "abc",
    "a list": [1] * N,
    "floats": np.zeros(N),
    "int64": np.zeros(N, np.int64),
    "short": np.zeros(5, np.uint64),
}
TEXT_FAULTS = {
    "none": None,
    "one text": "abc",
    "bytes": [b"x"] * 5,
    "numbers": [1, 2],
    "None in it": [*TEXTS, None],
    "NaN in it": [*TEXTS, np.nan],
    "pandas' NA": pd.Series(["a", pd.NA]),
    "no texts": [],
    "a set": set(TEXTS),
    "a dict": dict.fromkeys(TEXTS),
    "a frame": pd.DataFrame({"a": TEXTS}),
    "a column": np.array(TEXTS)[:, None],
    "no axis": np.array("abc"),
}
NORMALIZE_FAULTS = {key: OPTIONS[key] for key in ("another", "empty", "a number", "none", "a list")} | {
    "no string": len
}
CLASS_NAMES_FAULTS = {
    "text": "abc",
    "a set": {"a", "b", "c"},
    "a dict": {"a": 1},
    "one twice": ["a", "a", "b"],
    "lists": [[1], [2], [3]],
}
FEW_NAMES = {"none": [], "one": np.array(["a"])}
THRESHOLDS_FAULTS = {
    "text": "abc",
    "a number": 1.0,
    "NaN": [np.nan, 0.5, 0.5],
    "names": NAMES,
    "two axes": np.eye(3),
    "a ragged list": [[1], [1, 2]],
}
PARAMS_FAULTS = {"text": "k", "a number": 5, "a list": ["k"], "another key": {"kk": 5}, "no string": {5: 5}}
KNN_FAULTS = {"text": "abc", "a number": 5, "an array": FEATURES, "a matrix": MATRIX, "a list": []}

GRAPHS = GRAPH_FAULTS | {"none": None}
GRAPHS_OF_ITSELF = GRAPHS | AMONG_OTHERS
GRAPHS_BESIDE_DATA = GRAPH_FAULTS | OF_OTHERS | AMONG_OTHERS
ALL_FEATURES = FEATURE_FAULTS | UNUSABLE_NUMBERS
NEW_FEATURES = ALL_FEATURES | {"fewer columns": FEATURES[:, :3], "no rows": FEATURES[:0]}
MODEL_LABELS = LABEL_FAULTS | CODE_FAULTS
FEATURES_TO_VALUE = {name: ALL_FEATURES[name] for name in ALL_FEATURES if name not in ("none", "no axis", "a number")}

#: Functions with arguments that they answer, and with the faults of each argument.
FUNCTIONS = {
    "build_knn_graph": (
        neighbors.build_knn_graph,
        {"features": FEATURES, "n_neighbors": 5},
        {
            "features": ALL_FEATURES | {"no rows": FEATURES[:0], "one row": FEATURES[:1]},
            "n_neighbors": POSITIVE_WHOLES | {"none": None, "as many as rows": N, "huge": 10**30},
            "metric": METRICS,
            "method": OPTIONS,
            "scale": {key: OPTIONS[key] for key in ("another", "empty", "a number", "a list")} | {"boolean": True},
            "n_jobs": N_JOBS,
        },
    ),
    "query": (
        neighbors.query,
        {"new_features": FEATURES + 0.1, "graph": GRAPH},
        {
            "new_features": NEW_FEATURES,
            "graph": {name: GRAPHS[name] for name in ("none", "text", "a number", "an array", "a pair")}
            | {"a matrix": MATRIX},
            "features": {
                "a part": FEATURES[:40],
                "others": FEATURES + 1,
                "NaN": UNUSABLE_NUMBERS["NaN"],
                "text": "abc",
            },
            "n_neighbors": POSITIVE_WHOLES | {"more than rows": N + 1},
            "method": OPTIONS,
            "n_jobs": N_JOBS,
        },
    ),
    "choose_scaling": (neighbors.choose_scaling, {"features": FEATURES}, {"features": ALL_FEATURES}),
    "find_exact_duplicates": (
        neighbors.find_exact_duplicates,
        {"features": FEATURES},
        {"features": FEATURE_FAULTS, "hashes": HASH_FAULTS, "quality": QUALITY_FAULTS, "n_jobs": N_JOBS},
    ),
    "find_near_duplicates": (
        neighbors.find_near_duplicates,
        {"graph": GRAPH},
        {
            "graph": GRAPHS_OF_ITSELF,
            "threshold": {name: NUMBERS[name] for name in NUMBERS if name != "negative"},
            "rule": OPTIONS,
            "quality": QUALITY_FAULTS,
            "n_jobs": N_JOBS,
        },
    ),
    "find_near_duplicates, local": (
        neighbors.find_near_duplicates,
        {"graph": GRAPH, "rule": "local"},
        {"graph": GRAPHS_OF_ITSELF | {"one neighbour": GRAPH[:, :1]}},
    ),
    "find_outliers": (
        neighbors.find_outliers,
        {"graph": GRAPH},
        {
            "graph": GRAPHS | {"products": neighbors.build_knn_graph(FEATURES, metric="inner_product")},
            "k": POSITIVE_WHOLES,
            "t": ABOVE_0,
            "scaling_factor": ABOVE_0,
            "threshold": SHARES,
        },
    ),
    "find_text_duplicates": (
        neighbors.find_text_duplicates,
        {"texts": TEXTS},
        {
            "texts": TEXT_FAULTS,
            "threshold": SHARES | {"zero": 0},
            "ngram": POSITIVE_WHOLES,
            "unit": OPTIONS,
            "normalize": NORMALIZE_FAULTS,
            "n_hashes": POSITIVE_WHOLES | {"huge": 10**30},
            "seed": WHOLES | {"huge": 2**64},
            "quality": QUALITY_FAULTS,
            "n_jobs": N_JOBS,
        },
    ),
    "knn_pred_probs": (
        neighbors.knn_pred_probs,
        {"labels": LABELS, "graph": GRAPH},
        {
            "labels": MODEL_LABELS | ONE_CLASS,
            "graph": GRAPHS,
            "n_classes": POSITIVE_WHOLES | {"one": 1},
            "class_names": CLASS_NAMES_FAULTS | FEW_NAMES,
            "weights": OPTIONS,
            "smoothing": NUMBERS | {"infinite": float("inf"), "none": None},
            "n_jobs": N_JOBS,
        },
    ),
    "loo_pred_probs": (
        neighbors.loo_pred_probs,
        {"labels": LABELS, "features": FEATURES, "n_landmarks": 20},
        {
            "labels": MODEL_LABELS | ONE_CLASS,
            "features": ALL_FEATURES,
            "kernel": OPTIONS,
            "n_landmarks": POSITIVE_WHOLES,
            "standardize": OPTIONS,
            "alpha": ABOVE_0,
            "seed": WHOLES,
            "n_classes": POSITIVE_WHOLES | {"one": 1},
            "class_names": CLASS_NAMES_FAULTS | FEW_NAMES,
            "n_jobs": N_JOBS,
        },
    ),
    "loo_classifier": (
        neighbors.loo_classifier,
        {"labels": LABELS, "features": FEATURES, "kernel": "linear"},
        {"labels": MODEL_LABELS | ONE_CLASS, "features": ALL_FEATURES},
    ),
    "non_iid": (
        neighbors.non_iid,
        {"graph": GRAPH},
        {
            "graph": GRAPHS_OF_ITSELF,
            "num_permutations": POSITIVE_WHOLES | {"one": 1, "none": None},
            "seed": WHOLES | {"huge": 2**32},
            "significance_threshold": SHARES,
            "n_jobs": N_JOBS,
        },
    ),
    "underperforming_group": (
        neighbors.underperforming_group,
        {"labels": LABELS, "pred_probs": PRED_PROBS, "graph": GRAPH},
        {
            "labels": MODEL_LABELS,
            "pred_probs": PRED_PROBS_FAULTS,
            "graph": GRAPHS_BESIDE_DATA | {"none": None},
            "cluster_ids": ID_FAULTS,
            "eps": NUMBERS | {"none": None},
            "min_samples": POSITIVE_WHOLES | {"more than neighbours": 14},
            "min_cluster_samples": POSITIVE_WHOLES,
            "threshold": SHARES,
            "class_names": CLASS_NAMES_FAULTS,
            "n_jobs": N_JOBS,
        },
    ),
    "unite_duplicates": (
        lambda results, quality=None: neighbors.unite_duplicates(DUPLICATES, results, quality=quality),
        {"results": DUPLICATES},
        {
            "results": {"none": None, "an array": FEATURES, "of others": neighbors.find_exact_duplicates(FEATURES[:5])},
            "quality": QUALITY_FAULTS,
        },
    ),
    "conflicting_labels": (
        DUPLICATES.conflicting_labels,
        {"labels": LABELS},
        {"labels": COLUMN_FAULTS | {"none": None}},
    ),
    "leakage": (DUPLICATES.leakage, {"split": LABELS}, {"split": COLUMN_FAULTS | {"none": None}}),
    "to_frame": (DUPLICATES.to_frame, {}, {"labels": COLUMN_FAULTS, "split": COLUMN_FAULTS}),
    "KNNGraph.from_csr": (
        lambda graph: neighbors.KNNGraph.from_csr(graph),
        {"graph": MATRIX},
        {
            "graph": {
                name: fault for name, fault in GRAPH_FAULTS.items() if "beyond" not in name and "neighbour" not in name
            }
        },
    ),
    "data_shapley_knn": (
        data_valuation.data_shapley_knn,
        {"labels": LABELS, "features": FEATURES, "k": 5},
        {
            "labels": LABEL_FAULTS,
            "features": FEATURES_TO_VALUE,
            "knn_graph": OF_OTHERS | AMONG_OTHERS | {"few neighbours": GRAPH[:, :2]},
            "metric": METRICS,
            "k": POSITIVE_WHOLES | {"none": None, "as many as rows": N},
        },
    ),
    "find_low_value": (
        data_valuation.find_low_value,
        {"labels": LABELS, "features": FEATURES, "k": 5},
        {"labels": LABEL_FAULTS, "k": POSITIVE_WHOLES | {"as many as rows": N}, "threshold": SHARES},
    ),
    "find_ambiguous": (
        ambiguity.find_ambiguous,
        {"labels": LABELS, "pred_probs": PRED_PROBS, "graph": GRAPH},
        {
            "labels": MODEL_LABELS,
            "pred_probs": PRED_PROBS_FAULTS,
            "graph": GRAPHS_BESIDE_DATA,
            "threshold": SHARES,
            "class_names": CLASS_NAMES_FAULTS,
            "n_jobs": N_JOBS,
        },
    ),
    "find_well_labeled": (
        ambiguity.find_well_labeled,
        {"labels": LABELS, "pred_probs": PRED_PROBS},
        {
            "labels": MODEL_LABELS,
            "pred_probs": PRED_PROBS_FAULTS,
            "graph": GRAPHS_BESIDE_DATA,
            "threshold": SHARES,
            "class_names": CLASS_NAMES_FAULTS,
            "n_jobs": N_JOBS,
        },
    ),
    "OutOfDistribution": (OutOfDistribution, {}, {"params": PARAMS_FAULTS}),
    "fit_score by features": (
        score_features,
        {"params": {}, "features": FEATURES},
        {"features": {name: ALL_FEATURES[name] for name in ALL_FEATURES if name != "none"}, "n_jobs": N_JOBS},
    ),
    "fit_score by graph": (
        score_features,
        {"params": {}, "graph": GRAPH},
        {"graph": GRAPH_FAULTS | AMONG_OTHERS | {"few neighbours": GRAPH[:, :2]}},
    ),
    "fit_score by probabilities": (
        score_features,
        {"params": {}, "pred_probs": PRED_PROBS, "labels": LABELS},
        {"pred_probs": PRED_PROBS_FAULTS, "labels": MODEL_LABELS | {"none": None}, "n_jobs": N_JOBS},
    ),
    "score": (score_new, {"features": FEATURES + 0.1}, {"exclude_self": FLAGS, "n_jobs": N_JOBS}),
} | {
    f"OutOfDistribution, {name}": (detector_of(name), {"value": None}, {"value": faults})
    for name, faults in {
        "k": POSITIVE_WHOLES,
        "t": ABOVE_0,
        "knn": KNN_FAULTS,
        "scaling_factor": ABOVE_0,
        "method": OPTIONS,
        "adjust_pred_probs": FLAGS,
        "confident_thresholds": THRESHOLDS_FAULTS,
        "M": POSITIVE_WHOLES,
        "gamma": ABOVE_0,
        "softmax": FLAGS,
    }.items()
}

CASES = [
    pytest.param(name, argument, fault, id=f"{name}-{argument}-{fault}".replace(" ", "_"))
    for name, (_, _, arguments) in FUNCTIONS.items()
    for argument, faults in arguments.items()
    for fault in faults
]


def refusal(ask, **arguments):
    """Return the sentence with which `ask` refuses; warnings are errors of another kind."""
    with pytest.raises((TypeError, ValueError)) as caught:
        ask(**arguments)
    text = str(caught.value)
    assert caught.type in (TypeError, ValueError)
    assert text.endswith((".", "?"))
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("name", "argument", "fault"), CASES)
def test_bad_arguments_are_refused_by_name(name, argument, fault):
    ask, arguments, faults = FUNCTIONS[name]
    culprit = name.partition(", ")[2] if argument == "value" else argument
    assert f"`{culprit}`" in refusal(ask, **arguments | {argument: faults[argument][fault]})


# -- arguments that do not fit together: the sentence names one of them

LENGTHS = {
    "knn_pred_probs": ("labels", LABELS[:-1]),
    "loo_pred_probs": ("labels", LABELS[:-1]),
    "underperforming_group": ("labels", LABELS[:-1]),
    "find_ambiguous": ("pred_probs", PRED_PROBS[:-1]),
    "find_well_labeled": ("labels", LABELS[:-1]),
    "data_shapley_knn": ("features", FEATURES[:-1]),
    "find_low_value": ("labels", LABELS[:-1]),
    "fit_score by probabilities": ("labels", LABELS[:-1]),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_lengths_that_differ_are_refused(name):
    ask, arguments, _ = FUNCTIONS[name]
    argument, short = LENGTHS[name]
    text = refusal(ask, **arguments | {argument: short})
    assert any(f"`{culprit}`" in text for culprit in arguments)
    assert f"{N - 1}" in text


# -- odd, and no fault: the same answer as of the plain array


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


ODD_FEATURES = {
    "a list": FEATURES.tolist(),
    "Fortran order": np.asfortranarray(FEATURES),
    "other byte order": FEATURES.astype(">f8"),
    "read-only": read_only(FEATURES),
    "strided": np.repeat(FEATURES, 2, axis=1)[:, ::2],
    "reversed": FEATURES[::-1].copy()[::-1],
    "long double": FEATURES.astype(np.longdouble),
    "mask of nothing": np.ma.array(FEATURES),
    "a frame of odd index": pd.DataFrame(FEATURES, index=np.arange(N)[::-1] * 7),
    "a frame of one name": pd.DataFrame(FEATURES, columns=["a"] * 5, index=["row"] * N),
    "Polars": pl.DataFrame(FEATURES),
}
ODD_LABELS = {
    "a list": LABELS.tolist(),
    "floats": LABELS.astype(float),
    "bytes": LABELS.astype(np.int8),
    "unsigned": LABELS.astype(np.uint64),
    "other byte order": LABELS.astype(">i8"),
    "read-only": read_only(LABELS),
    "objects": LABELS.astype(object),
    "nullable": pd.Series(LABELS, dtype="Int64"),
    "a series of odd index": pd.Series(LABELS, index=np.arange(N)[::-1]),
    "names": NAMES[LABELS],
    "a list of names": NAMES[LABELS].tolist(),
    "categories in another order": pd.Categorical(NAMES[LABELS], categories=["a", "b", "c"]),
    "Polars": pl.Series(NAMES[LABELS]),
}
ODD_GRAPHS = {
    "csr_matrix": MATRIX,
    "csr_array": scipy.sparse.csr_array(MATRIX),
    "coordinates": MATRIX.tocoo(),
    "columns": MATRIX.tocsc(),
    "64-bit indices": replace(GRAPH, indices=GRAPH.indices.astype(np.int64)),
    "Fortran order": replace(GRAPH, indices=np.asfortranarray(GRAPH.indices)),
    "read-only": replace(GRAPH, distances=read_only(GRAPH.distances), indices=read_only(GRAPH.indices)),
}
ODD = {"features": ODD_FEATURES, "labels": ODD_LABELS, "graph": ODD_GRAPHS}
ODD_CASES = [
    pytest.param(name, argument, odd, id=f"{name}-{argument}-{odd}".replace(" ", "_"))
    for name, (_, arguments, _) in FUNCTIONS.items()
    for argument in arguments
    for odd in ODD.get(argument, ())
    if name not in ("query", "KNNGraph.from_csr", "score")
    if (name, odd) != ("find_exact_duplicates", "long double")  # refused: hashes are of at most 64 bits a number
]


def numbers_of(answer):
    """Return all arrays and numbers of an answer."""
    if isinstance(answer, tuple):
        return [number for part in answer for number in numbers_of(part)]
    if not is_dataclass(answer):
        return [answer]
    return [getattr(answer, field.name) for field in fields(answer) if field.name in ANSWERS]


#: Fields of answers that are numbers, and must not be NaN.
ANSWERS = {
    *("scores", "summary", "is_issue", "group", "representative", "indices", "distances", "average_distances"),
    *("scaling_factor", "p_value", "statistic", "permuted_statistics", "pred_probs", "loo_error", "cluster_ids"),
    *("ratios", "self_confidence", "center", "scale", "groups", "pairs"),
}


@pytest.mark.parametrize(("name", "argument", "odd"), ODD_CASES)
def test_odd_arrays_get_the_same_answer(name, argument, odd):
    ask, arguments, _ = FUNCTIONS[name]
    expected, found = ask(**arguments), ask(**arguments | {argument: ODD[argument][odd]})
    for one, other in zip(numbers_of(expected), numbers_of(found), strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_maps_get_the_same_answer(tmp_path):
    np.save(tmp_path / "features.npy", FEATURES)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    for name in (
        "build_knn_graph",
        "find_exact_duplicates",
        "loo_pred_probs",
        "fit_score by features",
        "data_shapley_knn",
    ):
        ask, arguments, _ = FUNCTIONS[name]
        expected, found = ask(**arguments), ask(**arguments | {"features": mapped})
        for one, other in zip(numbers_of(expected), numbers_of(found), strict=True):
            np.testing.assert_array_equal(one, other)


NUMPY_SCALARS = {
    "find_outliers": {"k": np.int64(5), "t": np.uint8(1), "threshold": np.float32(0.5)},
    "data_shapley_knn": {"k": np.uint8(5), "knn_graph": GRAPH},
    "build_knn_graph": {"n_neighbors": np.int16(5)},
    "find_near_duplicates": {"threshold": np.float16(0.5)},
    "knn_pred_probs": {"n_classes": np.int64(3), "smoothing": np.float32(1)},
    "loo_pred_probs": {"n_landmarks": np.uint8(20), "alpha": np.float32(1), "seed": np.int8(0)},
    "underperforming_group": {"min_samples": np.int64(5), "eps": np.float32(0.5), "threshold": np.float16(0.5)},
    "non_iid": {"num_permutations": np.int64(25), "seed": np.uint8(0), "significance_threshold": np.float32(0.5)},
    "find_text_duplicates": {"ngram": np.int64(5), "n_hashes": np.int64(64), "seed": np.uint8(0)},
    "fit_score by graph": {"params": {"k": np.int64(5), "t": np.uint8(1)}},
}


@pytest.mark.parametrize("name", NUMPY_SCALARS)
def test_numbers_of_numpy_are_numbers(name):
    ask, arguments, _ = FUNCTIONS[name]
    plain = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in NUMPY_SCALARS[name].items()
    }
    if "params" in plain:
        plain["params"] = {key: value.item() for key, value in plain["params"].items()}
    expected, found = ask(**arguments | plain), ask(**arguments | NUMPY_SCALARS[name])
    for one, other in zip(numbers_of(expected), numbers_of(found), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "OutOfDistribution" not in name])
def test_arrays_of_the_caller_are_left_alone(name):
    ask, arguments, _ = FUNCTIONS[name]
    before = {key: value.copy() for key, value in arguments.items() if isinstance(value, np.ndarray)}
    graph = GRAPH.distances.copy(), GRAPH.indices.copy()
    ask(**arguments)
    for key, value in before.items():
        np.testing.assert_array_equal(arguments[key], value)
    np.testing.assert_array_equal(GRAPH.distances, graph[0])
    np.testing.assert_array_equal(GRAPH.indices, graph[1])


# -- degenerate data: answers without NaN, and without a word of NumPy

ROWS = np.arange(N)[:, None]
DEGENERATE = {
    "all rows identical": np.ones((N, 5)),
    "all zero": np.zeros((N, 5)),
    "a row of zeros": np.where(ROWS == 3, 0, FEATURES),
    "a constant column": np.where(np.arange(5) == 2, 7.0, FEATURES),
    "one column": FEATURES[:, :1],
    "two kinds of rows": np.repeat(np.eye(2), N // 2, axis=0),
    "norms of 1e-300": FEATURES * 1e-300,
    "norms of 1e-160": FEATURES * 1e-160,
    "norms of 1e149": FEATURES * 1e149,
    "norms of all sizes": FEATURES * 10.0 ** np.linspace(-140, 140, N)[:, None],
    "columns of all sizes": FEATURES * 10.0 ** np.linspace(-140, 140, 5),
    "large in float32": (FEATURES * 1e37).astype(np.float32),
    "denormal in float32": (FEATURES * 1e-44).astype(np.float32),
    "float16": FEATURES.astype(np.float16),
    "float16, large": (FEATURES * 1e3).astype(np.float16),
    "int8": (FEATURES * 10).astype(np.int8),
    "int64, large": (FEATURES * 1e17).astype(np.int64),
    "booleans": FEATURES > 1,
    "sparse": scipy.sparse.csr_array(np.where(FEATURES > 1, FEATURES, 0)),
    "sparse without entries": scipy.sparse.csr_array((N, 5)),
    "eleven rows": FEATURES[:11],
    "as few rows as can be": FEATURES[:3],
}


def answers(features):
    """Yield every answer that there is from features."""
    n_rows = features.shape[0]
    labels, pred_probs = LABELS[:n_rows], PRED_PROBS[:n_rows]
    graph = neighbors.build_knn_graph(features, n_neighbors=min(10, n_rows - 1))
    yield graph
    yield neighbors.query(features[:2], graph)
    yield neighbors.find_exact_duplicates(features)
    yield neighbors.find_near_duplicates(graph)
    yield neighbors.find_near_duplicates(graph, rule="local")
    yield neighbors.find_outliers(graph)
    yield neighbors.non_iid(graph)
    yield neighbors.underperforming_group(labels, pred_probs, graph, eps=np.inf, min_samples=2, min_cluster_samples=1)
    yield data_valuation.find_low_value(labels, knn_graph=graph, k=graph.k)
    yield ambiguity.find_ambiguous(labels, pred_probs, graph)
    yield ambiguity.find_well_labeled(labels, pred_probs, graph)
    yield neighbors.knn_pred_probs(labels, graph, n_classes=3, weights="distance")
    yield neighbors.loo_pred_probs(labels, features, n_classes=3)
    yield neighbors.loo_pred_probs(labels, features, n_classes=3, kernel="linear")
    yield OutOfDistribution({"k": graph.k}).fit_score(features=features)


@pytest.mark.parametrize("data", DEGENERATE)
def test_degenerate_data_get_answers(data):
    for answer in answers(DEGENERATE[data]):
        for numbers in numbers_of(answer):
            assert np.isfinite(np.asarray(numbers, np.float64)).all()


@pytest.mark.parametrize("n_rows", [2, 6, 10])
def test_few_rows_have_few_neighbours_and_a_word(n_rows):
    with pytest.warns(UserWarning, match=f"There are {n_rows} rows, so each gets {n_rows - 1} neighbours"):
        graph = neighbors.build_knn_graph(FEATURES[:n_rows])
    assert graph.k == n_rows - 1


def test_as_many_neighbours_as_other_rows_are_all_of_them():
    graph = neighbors.build_knn_graph(FEATURES, n_neighbors=N - 1)
    np.testing.assert_array_equal(np.sort(graph.indices, axis=1), [np.delete(np.arange(N), row) for row in range(N)])
