"""`OutOfDistribution`: fitted to training data, asked about what comes later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_array, as_pred_probs
from fastcl.core.errors import check_number, check_option, sentence, warn
from fastcl.core.scores import adjustment
from fastcl.core.validation import as_thresholds
from fastcl.neighbors.build import build_knn_graph
from fastcl.neighbors.graph import Floats, KNNGraph, as_knn_graph
from fastcl.neighbors.outliers import (
    ForeignDistances,
    GraphDistances,
    check_above_0,
    distance_scores,
    median_scale,
    same_rows,
)
from fastcl.outlier.probabilities import METHODS, score_probabilities

#: Neighbours to average over unless the user says how many.
DEFAULT_K = 10


class OutOfDistribution:
    """Score how typical rows are of a data set, by their features or by their predicted probabilities.

    Fit it to training data and score what comes later, or score the training data itself with `fit_score`. Low
    scores are outliers, `fastcl.rank.find_top_issues` finds the lowest. `find_outliers` also flags rows.

    Parameters
    ----------
    params : dict, optional
        What differs from the defaults. For features:

        - ``k`` (None): neighbours to average over; by default 10, fewer in data of at most 10 rows, or all that
          ``knn`` has.
        - ``t`` (1): above 0; how fast scores fall with distance.
        - ``knn`` (None): a `KNNGraph` of the training data, or an object like scikit-learn's ``NearestNeighbors``,
          fitted to it. After `fit` the graph that was built.
        - ``metric`` (None), ``scale`` (None): passed to `build_knn_graph`; ``scale="auto"`` is for tables.
        - ``scaling_factor`` (None): above 0; the average distance that scores exp(-t). Set by `fit`.

        For probabilities:

        - ``method`` ("entropy"): or "least_confidence", "gen".
        - ``adjust_pred_probs`` (True): subtract the class thresholds first, which needs labels.
        - ``confident_thresholds`` (None): of shape (n_classes,). Set by `fit`.
        - ``M`` (100), ``gamma`` (0.1): for "gen", how many of the largest probabilities count, and their exponent,
          above 0.
        - ``softmax`` (True): for "gen", take the softmax of what is passed. That is right for logits, which are
          accepted then if nothing is adjusted, and how the reference treats probabilities. False takes probabilities
          as they are, which is the score of the paper.

    Attributes
    ----------
    params : dict
        All of the above, with what was fitted.

    Raises
    ------
    TypeError
        If `params` is no dict, or a value of another kind.
    ValueError
        If it holds another key, or a value is out of range.

    Notes
    -----
    Rows that are scored by the data they were fitted to are not their own neighbours: `score` of the very features
    fitted (the same values in the same order) is what `fit_score` answered. See `score` for parts of them.

    Scores of features are float32 if the distances are; all else is float64. Probabilities are read once, and once
    more one number a row for the thresholds, in blocks of two megabytes by all threads.

    References
    ----------
    Kuan and Mueller, "Back to the Basics: Revisiting Out-of-Distribution Detection Baselines", ICML Workshop on
    Principles of Distribution Shift 2022. Liu, Lochman and Zach, "GEN: Pushing the Limits of Softmax-Based
    Out-of-Distribution Detection", CVPR 2023, eq. 4 to 6.

    Examples
    --------
    >>> import numpy as np
    >>> train = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> ood = OutOfDistribution({"k": 2})
    >>> ood.fit_score(features=train).round(2)
    array([0.22, 0.37, 0.37, 0.37, 0.22])
    >>> ood.score(features=np.array([[2.0], [9.0]])).round(2)
    array([0.61, 0.  ])
    >>> certain = OutOfDistribution({"method": "least_confidence", "adjust_pred_probs": False})
    >>> certain.score(pred_probs=np.array([[0.9, 0.1], [0.5, 0.5]]))
    array([0.9, 0.5])
    """

    DEFAULT_PARAM_DICT = MappingProxyType(
        {
            "k": None,
            "t": 1,
            "knn": None,
            "metric": None,
            "scale": None,
            "scaling_factor": None,
            "method": "entropy",
            "adjust_pred_probs": True,
            "confident_thresholds": None,
            "M": 100,
            "gamma": 0.1,
            "softmax": True,
        }
    )

    def __init__(self, params: dict[str, Any] | None = None) -> None:
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(sentence("params", "be a dict", type(params).__name__))
        unknown = [name for name in params or {} if name not in self.DEFAULT_PARAM_DICT]
        if unknown:
            known = ", ".join(map(repr, self.DEFAULT_PARAM_DICT))
            raise ValueError(sentence("params", f"hold no keys but {known}", ", ".join(map(repr, unknown))))
        self.params: dict[str, Any] = {**self.DEFAULT_PARAM_DICT, **(params or {})}
        self._check_params()

    def fit_score(
        self,
        *,
        features: Any = None,
        pred_probs: Any = None,
        labels: Any = None,
        graph: Any = None,
        verbose: bool = True,
        n_jobs: int | None = None,
    ) -> Floats:
        """Fit to a data set and score its rows; a row is not its own neighbour.

        Takes what `fit` takes. On a second call nothing is fitted, with a warning, and the rows are scored.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores in [0, 1], low for outliers.
        """
        averages = self._fit(features, pred_probs, labels, graph, verbose, n_jobs)
        if averages is not None:
            return self._scores_of(averages)
        return self.score(features=features, pred_probs=pred_probs, n_jobs=n_jobs)

    def fit(
        self,
        *,
        features: Any = None,
        pred_probs: Any = None,
        labels: Any = None,
        graph: Any = None,
        verbose: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        """Fit to a data set: find neighbours and fix the scale, or estimate the class thresholds.

        Parameters
        ----------
        features : array-like of shape (n_samples, n_features), optional
            What `build_knn_graph` takes. Either this or `pred_probs`.
        pred_probs : array-like of shape (n_samples, n_classes), optional
            Predicted probabilities in [0, 1].
        labels : array-like of shape (n_samples,), optional
            Given labels, beside `pred_probs`: class indices or names. Needed to adjust.
        graph : KNNGraph or scipy sparse matrix of distances, optional
            The neighbours of the rows, if they are known; then `features` may be left out. They are needed to score
            new rows if the graph does not hold them.
        verbose : bool
            Show progress of a long search on a terminal.
        n_jobs : int, optional
            Number of threads; by default as many as this process may use.

        Raises
        ------
        ValueError
            If neither or both of `features` and `pred_probs` are passed, they are not two-dimensional, `k` is not
            below the number of rows, `graph` was made for other data, or labels are missing.

        Warns
        -----
        UserWarning
            If it was fitted before: nothing is done.
        """
        self._fit(features, pred_probs, labels, graph, verbose, n_jobs)

    def score(
        self,
        *,
        features: Any = None,
        pred_probs: Any = None,
        exclude_self: bool | None = None,
        n_jobs: int | None = None,
    ) -> Floats:
        """Score rows by the data that were fitted.

        Parameters
        ----------
        features : array-like of shape (n_samples, n_features), optional
            Rows in the space of the data fitted. Either this or `pred_probs`.
        pred_probs : array-like of shape (n_samples, n_classes), optional
            Predicted probabilities in [0, 1].
        exclude_self : bool, optional
            Whether `features` are the rows fitted, in their order, so that no row is its own neighbour. By default
            they are compared with them, value by value; with a foreign ``knn``, False. A part of the rows fitted
            counts as new: each then is its own nearest neighbour, at distance 0. To leave that out, take the part
            from the scores of all of them.
        n_jobs : int, optional
            Number of threads; by default as many as this process may use.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores in [0, 1], low for outliers.

        Raises
        ------
        ValueError
            If neither or both of `features` and `pred_probs` are passed, nothing was fitted, or they do not fit to
            what was.
        """
        _check_inputs(features, pred_probs)
        if exclude_self is not None:
            _check_flag("exclude_self", exclude_self)
        if features is None:
            return self._probability_scores(pred_probs, n_jobs)
        if self.params["knn"] is None:
            raise ValueError(_unfitted("features"))
        source, k = self._distances(), self.params["k"]
        if self.params["scaling_factor"] is None:
            self.params["scaling_factor"] = median_scale(source.of_itself(k))
        return self._scores_of(source.of(features, k, exclude_self, n_jobs))

    def _check_params(self) -> None:
        """Raise unless every parameter is of its kind and in its range."""
        params = self.params
        check_option("method", params["method"], METHODS)
        _check_flag("adjust_pred_probs", params["adjust_pred_probs"])
        _check_flag("softmax", params["softmax"])
        check_number("M", params["M"], 1, whole=True)
        check_above_0("gamma", params["gamma"])
        check_above_0("t", params["t"])
        if params["k"] is not None:
            check_number("k", params["k"], 1, whole=True)
        if not (params["knn"] is None or isinstance(params["knn"], KNNGraph) or hasattr(params["knn"], "kneighbors")):
            rule = "be a KNNGraph, or an object with `kneighbors`"
            raise TypeError(sentence("knn", rule, type(params["knn"]).__name__, "Pass a matrix to `fit` as `graph`."))
        if params["confident_thresholds"] is not None:
            _check_thresholds(params["confident_thresholds"])
        if params["scaling_factor"] is not None:
            check_above_0("scaling_factor", params["scaling_factor"])

    def _fit(
        self, features: Any, pred_probs: Any, labels: Any, graph: Any, verbose: bool, n_jobs: int | None
    ) -> Floats | None:
        """Fit; return the average distances of the rows if they became known."""
        _check_inputs(features, pred_probs, graph)
        if pred_probs is not None:
            self._fit_probabilities(pred_probs, labels, n_jobs)
            return None
        if self.params["knn"] is None:
            self.params["knn"] = self._graph_of(features, graph, verbose, n_jobs)
            features = None
        elif graph is not None:
            fix = "Make a new OutOfDistribution to fit it."
            raise ValueError(sentence("graph", "not be passed where neighbours are known already", fix=fix))
        elif self.params["scaling_factor"] is not None:
            warn("Neighbours are known already: these rows are only scored. Make a new OutOfDistribution to fit them.")
            return None
        averages = self._distances().of_fitted(features, self.params["k"], n_jobs)
        if self.params["scaling_factor"] is None:
            self.params["scaling_factor"] = median_scale(averages)
        return averages

    def _graph_of(self, features: Any, graph: Any, verbose: bool, n_jobs: int | None) -> KNNGraph:
        """Return the graph that the user built, with the features if it does not hold them, or build it."""
        if graph is None:
            return _build_graph(features, self.params, verbose, n_jobs)
        graph = as_knn_graph(graph, n_samples=None if features is None else _shape(features)[0])
        if graph.features is None:
            return replace(graph, features=features)
        if features is not None and not same_rows(features, graph.features):
            raise ValueError(sentence("graph", "be made of these features", fix="This graph was made for other data."))
        return graph

    def _fit_probabilities(self, pred_probs: Any, labels: Any, n_jobs: int | None) -> None:
        params = self.params
        if not params["adjust_pred_probs"]:
            if labels is not None or params["confident_thresholds"] is not None:
                warn("Labels and thresholds are not used unless params['adjust_pred_probs'] is True.")
        elif params["confident_thresholds"] is not None:
            warn("Thresholds are known already: these rows are only scored. Make a new OutOfDistribution to fit them.")
        elif labels is None:
            fix = "Or set params['adjust_pred_probs'] to False."
            raise ValueError(sentence("labels", "be given to adjust probabilities by class", "None", fix))
        else:
            from fastcl.count import get_confident_thresholds

            params["confident_thresholds"] = get_confident_thresholds(labels, pred_probs, n_jobs=n_jobs)

    def _distances(self) -> GraphDistances | ForeignDistances:
        knn = self.params["knn"]
        return GraphDistances(knn) if isinstance(knn, KNNGraph) else ForeignDistances(knn)

    def _scores_of(self, averages: Floats) -> Floats:
        source, params = self._distances(), self.params
        scale = params["scaling_factor"]
        return distance_scores(averages, t=params["t"], scaling_factor=scale, metric=source.metric, p=source.p)

    def _probability_scores(self, pred_probs: Any, n_jobs: int | None) -> Floats:
        params = self.params
        if params["adjust_pred_probs"] and params["confident_thresholds"] is None:
            raise ValueError(_unfitted("pred_probs"))
        values, _ = as_pred_probs(pred_probs)
        n_classes = values.shape[1]
        if params["method"] == "gen" and params["adjust_pred_probs"]:
            warn("'gen' is not meant for adjusted probabilities: set params['adjust_pred_probs'] to False.")
        if params["method"] == "gen" and n_classes < params["M"]:
            warn(f"There are only {n_classes} classes: with params['M'] = {params['M']} no score is far from 1.")
        if not params["adjust_pred_probs"]:
            return score_probabilities(values, np.empty(0), params, n_jobs)
        lifts = adjustment(_thresholds_for(n_classes, params["confident_thresholds"]))
        return score_probabilities(values, lifts, params, n_jobs)


def _check_flag(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is True or False: ``"False"`` would count as True."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(sentence(name, "be True or False", repr(value)))


def _check_thresholds(thresholds: Any) -> None:
    """Raise unless these are finite numbers, one a class."""
    array = as_array("confident_thresholds", thresholds)
    if array.dtype.kind not in "fiu":
        raise TypeError(sentence("confident_thresholds", "hold real numbers", f"dtype {array.dtype}"))
    if not array.ndim or array.size != max(array.shape) or not np.isfinite(array).all():
        rule = "hold a finite number for each class"
        raise ValueError(sentence("confident_thresholds", rule, f"shape {array.shape}"))


def _thresholds_for(n_classes: int, thresholds: Any) -> npt.NDArray[np.float64]:
    """Return a threshold for each class, or raise."""
    if np.size(thresholds) != n_classes:
        rule = "have one column for each class threshold"
        got = f"{np.size(thresholds)} thresholds where its columns call for shape ({n_classes},)"
        raise ValueError(sentence("pred_probs", rule, got))
    return as_thresholds(thresholds, n_classes)


def _check_inputs(features: Any, pred_probs: Any, graph: Any = None) -> None:
    """Raise unless there are either features, of two dimensions, or probabilities."""
    given = ["`features`"] * (features is not None) + ["`graph`"] * (graph is not None)
    if bool(given) == (pred_probs is not None):
        got = f"{' and '.join([*given, '`pred_probs`'])}" if given else "neither"
        raise ValueError(f"Exactly one of `features` and `pred_probs` must be passed; got {got}.")
    if features is not None and len(_shape(features)) != 2:
        fix = "One feature: features.reshape(-1, 1)." if len(_shape(features)) == 1 else ""
        raise ValueError(sentence("features", "have shape (n_samples, n_features)", f"shape {_shape(features)}", fix))


def _shape(features: Any) -> tuple[int, ...]:
    return tuple(features.shape) if hasattr(features, "shape") else as_array("features", features).shape


def _unfitted(name: str) -> str:
    return f"Nothing was fitted to `{name}` yet: call `fit` or `fit_score` with the training data first."


def _build_graph(features: Any, params: dict[str, Any], verbose: bool, n_jobs: int | None) -> KNNGraph:
    """Return the graph of the data fitted, with as many neighbours as are asked for."""
    n_samples = _shape(features)[0]
    k = min(DEFAULT_K, n_samples - 1) if params["k"] is None else params["k"]
    if not 1 <= k < n_samples:
        got = f"{n_samples:,} rows for k = {max(k, 1)}"
        raise ValueError(sentence("features", "have more rows than `k`, the neighbours of each", got))
    how = {"metric": params["metric"], "scale": params["scale"]}
    return build_knn_graph(features, n_neighbors=k, n_jobs=n_jobs, verbose=verbose, **how)
