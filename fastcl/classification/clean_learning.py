"""An estimator around a classifier that leaves out rows whose labels are probably wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if

from fastcl.classification.findings import Findings, LabelNoise, Wanted, find
from fastcl.core.errors import check_number, sentence
from fastcl.core.filter_options import question_options
from fastcl.core.validation import as_options
from fastcl.cross_validation.pred_probs import as_classes, as_classifier, as_label_array, predict_held_out
from fastcl.cross_validation.rows import as_rows, check_rows
from fastcl.given_issues import issues_given, issues_table
from fastcl.meta_estimator import (
    MetaEstimator,
    found,
    inner_has,
    takes_sample_weight,
    without_weights,
)
from fastcl.rank import get_label_quality_scores

Options = Mapping[str, Any]
Mask = npt.NDArray[np.bool_]


class CleanLearning(ClassifierMixin, MetaEstimator):  # type: ignore[misc]
    """Find wrong labels with any classifier, and train it on the others.

    A scikit-learn estimator: it can be cloned, searched over and put into pipelines, and takes what the inner
    classifier takes - arrays, sparse matrices, data frames, texts, torch data sets; labels of integers, strings or
    booleans. Of no use where the inner classifier is no better than chance, and harmful where rare but right rows look
    like noise to it: look at `get_label_issues` before you trust it.

    Parameters
    ----------
    clf : estimator, optional
        Has `fit`, `predict` and, unless `pred_probs` are given, `predict_proba`; can be cloned; itself it is never
        fitted. By default `LogisticRegression()`, which sees arrays of more than two dimensions flattened.
    seed : int, RandomState or Generator, optional
        Fixes the folds of the cross-validation. Without it they are the same in every call; NumPy's global generator is
        neither read nor changed. Randomness of `clf` itself is up to its `random_state`.
    cv_n_folds : int, default 5
        Number of stratified folds.
    converge_latent_estimates : bool, default False
        Make the estimates of priors and noise matrices agree with each other, see `fastcl.count.estimate_latent`.
    pulearning : class, optional
        With two classes: the one whose labels are all right (positive and unlabeled learning); none of its rows is an
        issue.
    find_label_issues_kwargs : dict, optional
        Options of `fastcl.filter.find_label_issues`: `filter_by`, `frac_noise`, `num_to_remove_per_class`,
        `min_examples_per_class` (here by default 10), `confident_joint`, `n_jobs`, `verbose`.
    label_quality_scores_kwargs : dict, optional
        Options of `fastcl.rank.get_label_quality_scores`: `method`, `adjust_pred_probs`.
    verbose : bool, default False
        Show a bar over the folds on a terminal, if they take longer than two seconds.
    low_memory : bool, default False
        Does nothing: every search streams, and gives the same answer.
    cv : splitter or iterable of (training rows, held-out rows), optional
        How to make the folds, in place of `cv_n_folds` and `seed`.
    n_jobs : int, optional
        How many folds to work on at a time, in threads, each with one BLAS thread; the answer does not depend on the
        number. By default one fold with as many BLAS threads as the host allows, or what `joblib.parallel_config` says.

    Attributes
    ----------
    clf_ : estimator
        The copy of `clf` that was trained on the rows without issues.
    classes_ : ndarray of shape (n_classes,)
        The classes it knows, in the order of the columns of `predict_proba`.
    n_features_in_, feature_names_in_
        Those of `clf_`, if it has any.
    label_issues_df : DataFrame or None
        What `find_label_issues` returned last; also `get_label_issues()`.
    label_issues_mask : ndarray of bool, shape (n_samples,), or None
        Its column ``is_label_issue``.
    confident_joint, ps, py, noise_matrix, inverse_noise_matrix : ndarray or None
        See `fastcl.count`; None with more than 10,000 classes.
    num_classes : int or None
        Number of classes of the labels.
    sample_weight : ndarray of shape (n_samples,), or None
        Weights of the final training that were derived from the noise, 0 for rows left out.

    Notes
    -----
    `cv_n_folds` + 1 calls of `clf.fit`, one with `label_issues` or `pred_probs`; all else is one sweep over the
    probabilities. If `clf.fit` knows sample weights and you give none, the rows of each class k are weighed by
    1 / P(given k | true k), so that classes that lose many rows do not lose weight.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021,
    Section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_wine(return_X_y=True)
    >>> y[:5] = 2  # wrong
    >>> model = CleanLearning(GaussianNB()).fit(X, y)
    >>> np.flatnonzero(model.label_issues_mask)[:5]
    array([0, 1, 2, 3, 4])
    >>> model.predict(X[:3])
    array([0, 0, 0])
    """

    inner_name = "clf"
    _metric = accuracy_score
    forgettable = (
        "label_issues_df_",
        "label_issues_mask_",
        "sample_weight_",
        "label_noise_",
        "clf_kwargs_",
        "clf_final_kwargs_",
    )

    # The names of `fit` that mean something to this class only; all others can be requested in pipelines.
    __metadata_request__fit: ClassVar[dict[str, Any]] = dict.fromkeys(
        (
            "labels",
            "thresholds",
            "noise_matrix",
            "inverse_noise_matrix",
            "sample_weight",  # the inner classifier's business
            "clf_kwargs",
            "clf_final_kwargs",
            "validation_func",
        ),
        UNUSED,
    )

    def __init__(
        self,
        clf: Any = None,
        *,
        seed: Any = None,
        cv_n_folds: int = 5,
        converge_latent_estimates: bool = False,
        pulearning: Any = None,
        find_label_issues_kwargs: Options | None = None,
        label_quality_scores_kwargs: Options | None = None,
        verbose: bool = False,
        low_memory: bool = False,
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.clf = clf
        self.seed = seed
        self.cv_n_folds = cv_n_folds
        self.converge_latent_estimates = converge_latent_estimates
        self.pulearning = pulearning
        self.find_label_issues_kwargs = find_label_issues_kwargs
        self.label_quality_scores_kwargs = label_quality_scores_kwargs
        self.verbose = verbose
        self.low_memory = low_memory
        self.cv = cv
        self.n_jobs = n_jobs

    label_noise = found("label_noise_")
    confident_joint = found("label_noise_.confident_joint")
    ps = found("label_noise_.ps")
    py = found("label_noise_.py")
    noise_matrix = found("label_noise_.noise_matrix")
    inverse_noise_matrix = found("label_noise_.inverse_noise_matrix")
    num_classes = found("label_noise_.n_classes")
    sample_weight = found("sample_weight_")
    clf_kwargs = found("clf_kwargs_")
    clf_final_kwargs = found("clf_final_kwargs_")

    def find_label_issues(
        self,
        X: Any = None,
        labels: Any = None,
        *,
        pred_probs: Any = None,
        thresholds: npt.ArrayLike | None = None,
        noise_matrix: npt.ArrayLike | None = None,
        inverse_noise_matrix: npt.ArrayLike | None = None,
        save_space: bool = False,
        clf_kwargs: Options | None = None,
        validation_func: Callable[..., Options] | None = None,
        groups: Any = None,
    ) -> Any:
        """Find the labels that are probably wrong, without training on the others.

        Parameters
        ----------
        X : array, data frame, sparse matrix, list or torch Dataset with n_samples rows
            What `clf` takes; not needed with `pred_probs`.
        labels : array-like of shape (n_samples,)
            Given labels.
        pred_probs : array-like of shape (n_samples, n_classes), optional
            Out-of-sample predicted probabilities, as `fastcl.filter.find_label_issues` takes them; by default those
            of `clf` by cross-validation.
        thresholds : array-like of shape (n_classes,), optional
            How probable a class must be to be confident, see `fastcl.filter.find_label_issues`.
        noise_matrix, inverse_noise_matrix : array-like of shape (n_classes, n_classes), optional
            P(given | true), given classes down, and P(true | given), true ones down, if they are known: columns sum to
            1. They decide the sample weights, not the issues.
        save_space : bool
            Keep no table in the estimator.
        clf_kwargs : dict, optional
            More arguments for every `clf.fit`; those with one entry a row are cut with the rows.
        validation_func : callable, optional
            See `fastcl.cross_validation.cross_val_pred_probs`.
        groups : array-like of shape (n_samples,), or Duplicates, optional
            Rows of one group are always held out together, see `fastcl.cross_validation.cross_val_pred_probs`.

        Returns
        -------
        DataFrame
            A row a label, in the table library of `labels`, else pandas: ``is_label_issue`` (bool), ``label_quality``
            (in [0, 1], low is bad), ``given_label``, ``predicted_label``.

        Raises
        ------
        TypeError, ValueError
            Before anything is fitted, if arguments are of a wrong kind, length or value, or do not go together.
        """
        given = labels if labels is None or pred_probs is not None else as_label_array("labels", labels)
        if X is not None and given is not None and hasattr(given, "__len__"):
            check_rows(self.prepare(X), len(given))
        wanted = self._wanted(thresholds, noise_matrix, inverse_noise_matrix)
        findings = self._find(self.prepare(X), given, pred_probs, wanted, groups, clf_kwargs, validation_func)
        table = findings.table(like=labels)
        self._keep(None if save_space else table, None if save_space else findings.is_label_issue, findings.noise)
        return table

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        labels: Any = None,
        pred_probs: Any = None,
        thresholds: npt.ArrayLike | None = None,
        noise_matrix: npt.ArrayLike | None = None,
        inverse_noise_matrix: npt.ArrayLike | None = None,
        label_issues: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        clf_kwargs: Options | None = None,
        clf_final_kwargs: Options | None = None,
        validation_func: Callable[..., Options] | None = None,
        **params: Any,
    ) -> Self:
        """Find wrong labels, unless they are given, and train a copy of `clf` on the other rows.

        Parameters
        ----------
        X : array, data frame, sparse matrix, list or torch Dataset with n_samples rows
            What `clf` takes.
        y : array-like of shape (n_samples,)
            Given labels.
        labels : array-like of shape (n_samples,), optional
            The same as `y`; give one of them.
        pred_probs, thresholds, noise_matrix, inverse_noise_matrix, groups, validation_func
            See `find_label_issues`.
        label_issues : DataFrame or array, optional
            Which rows to leave out: a table with a column ``is_label_issue``, a boolean mask (both in the order of the
            rows, whatever their index), or row numbers. Then nothing is cross-validated.
        sample_weight : array-like of shape (n_samples,), optional
            Weights for the final training, in place of those derived from the noise; cut with the rows.
        clf_kwargs : dict, optional
            More arguments for every `clf.fit`; those with one entry a row are cut with the rows.
        clf_final_kwargs : dict, optional
            More arguments for the final training only, cut likewise.
        **params : dict
            With scikit-learn's metadata routing: arguments that `clf` has asked for, for every training.

        Returns
        -------
        CleanLearning
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            Before anything is fitted, if arguments are of a wrong kind, length or value, or do not go together.
        """
        X, given = self.prepare(X), as_label_array("y", _one_of(y, labels))
        check_rows(X, len(given))
        every_fit, final_fit = (
            without_weights("clf_kwargs", clf_kwargs),
            as_options("clf_final_kwargs", clf_final_kwargs),
        )
        every_fit, final_fit = self.arguments_of_fit(every_fit, final_fit, params, sample_weight, len(given))
        wanted = self._wanted(thresholds, noise_matrix, inverse_noise_matrix)
        if label_issues is None:
            findings = self._find(X, given, pred_probs, wanted, groups, every_fit, validation_func)
            table, issues, noise = findings.table(like=_one_of(y, labels)), findings.is_label_issue, findings.noise
        else:
            table, issues = self._given_issues(label_issues, given, pred_probs)
            noise = self.label_noise
        weights = None if "sample_weight" in final_fit else self._weights(given, issues, noise)
        if weights is not None:
            final_fit["sample_weight"] = weights
            table = issues_table(table, issues, {"sample_weight": weights})
        self.train(X, given, issues, final_fit)
        # Only now: a training that fails leaves everything as it was.
        self._keep(table, issues, noise)
        self.clf_kwargs_, self.clf_final_kwargs_, self.sample_weight_ = clf_kwargs, clf_final_kwargs, weights
        known = getattr(self.clf_, "classes_", None)
        self.classes_ = np.unique(given[~issues]) if known is None else known
        return self

    @available_if(inner_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> npt.NDArray[np.floating[Any]]:
        """Predict class probabilities with the classifier trained on the clean rows.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows, as `clf` takes them.
        **params
            Passed on to its `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns as in `classes_`.
        """
        return self._delegate("predict_proba", X, **params)

    @available_if(inner_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> npt.NDArray[np.floating[Any]]:
        """Predict logarithms of class probabilities; see `predict_proba`."""
        return self._delegate("predict_log_proba", X, **params)

    @available_if(inner_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> npt.NDArray[np.floating[Any]]:
        """Return what the `decision_function` of the classifier trained on the clean rows returns."""
        return self._delegate("decision_function", X, **params)

    score = MetaEstimator.score  # that of ClassifierMixin would not ask the classifier

    def inner(self) -> Any:
        """Return the classifier to be copied and trained."""
        return LogisticRegression() if self.clf is None else self.clf

    def prepare(self, X: Any) -> Any:
        """Return rows as `clf` is to see them: the default one knows two dimensions only."""
        X = as_rows(X)
        if self.clf is None and getattr(X, "ndim", 2) > 2:
            return np.reshape(X, (len(X), -1))
        return X

    def _wanted(self, thresholds: Any, noise_matrix: Any, inverse_noise_matrix: Any) -> Wanted:
        wanted = Wanted.of_options(
            self.find_label_issues_kwargs,
            self.label_quality_scores_kwargs,
            thresholds=thresholds,
            noise_matrix=noise_matrix,
            inverse_noise_matrix=inverse_noise_matrix,
            pulearning=self.pulearning,
            converge_latent_estimates=self.converge_latent_estimates,
        )
        question_options(wanted.filter_by, wanted.prune)
        return wanted

    def _find(
        self,
        X: Any,
        given: Any,
        pred_probs: Any,
        wanted: Wanted,
        groups: Any,
        params: Options | None,
        validation_func: Callable[..., Options] | None,
    ) -> Findings:
        """Return what is to be found, from given probabilities or those of a cross-validation."""
        if pred_probs is not None:
            return find(given, pred_probs, wanted)
        labels = as_classes("labels", given)
        given, classes, _ = labels
        wanted.check(classes)
        self._check_folds(len(given) / len(classes))
        pred_probs = predict_held_out(
            as_classifier("clf", self.inner()),
            X,
            labels,
            cv=self.cv_n_folds if self.cv is None else self.cv,
            groups=groups,
            n_jobs=self.n_jobs,
            seed=self.seed,
            params=params,
            validation_func=validation_func,
            verbose=self.verbose,
        )
        return find(given, pred_probs, wanted, classes.tolist())

    def _check_folds(self, rows_per_class: float) -> None:
        if self.cv is not None:
            return
        check_number("cv_n_folds", self.cv_n_folds, 2, whole=True)
        if rows_per_class < self.cv_n_folds:
            rule = f"be at most {rows_per_class:.3g}, the rows a class on average"
            raise ValueError(sentence("cv_n_folds", rule, str(self.cv_n_folds), "Or pass `cv` or `pred_probs`."))

    def _keep(self, table: Any, issues: Mask | None, noise: LabelNoise | None) -> None:
        self.label_issues_df_, self.label_issues_mask_, self.label_noise_ = table, issues, noise

    def _given_issues(self, label_issues: Any, given: npt.NDArray[Any], pred_probs: Any) -> tuple[Any, Mask]:
        """Return the issues that the caller brought, as a table and as a mask."""
        as_classes("labels", given)
        issues = issues_given(label_issues, given)
        columns = {"given_label": given}
        if pred_probs is not None:
            options = dict(self.label_quality_scores_kwargs or {})
            columns["label_quality"] = get_label_quality_scores(given, pred_probs, **options)
        return issues_table(label_issues, issues, columns), issues

    def _weights(
        self, given: npt.NDArray[Any], issues: Mask, noise: LabelNoise | None
    ) -> npt.NDArray[np.float64] | None:
        """Return weights by the noise of the classes, if that is known and `clf` takes weights; 0 for rows left out."""
        if noise is None or not takes_sample_weight(self.inner()):
            return None
        weights = noise.weights(given)
        return None if weights is None else np.where(issues, 0.0, weights)


def _one_of(y: Any, labels: Any) -> Any:
    """Return the labels, which have two names."""
    if y is not None and labels is not None:
        raise ValueError(sentence("labels", "be None if `y` is given", "both"))
    return labels if y is None else y
