"""An estimator around a regression model that leaves out rows whose targets are probably wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import column_or_1d

from fastcl.core.arrays import as_array, as_table
from fastcl.core.errors import check_number, sentence
from fastcl.core.targets import as_targets
from fastcl.core.validation import as_options
from fastcl.cross_validation.folds import as_random_state
from fastcl.cross_validation.pred_probs import fresh_copy
from fastcl.cross_validation.rows import as_rows, check_rows
from fastcl.given_issues import issues_given, issues_table
from fastcl.meta_estimator import (
    MetaEstimator,
    found,
    without_weights,
)
from fastcl.regression.linear import fastest
from fastcl.regression.options import COARSE, as_column, as_shares, as_uncertainty
from fastcl.regression.refit import Refits
from fastcl.regression.search import Found, Plan, Search
from fastcl.regression.splits import Floats, n_left_out

Options = Mapping[str, Any]

#: What `fit` may hand on to `find_label_issues`.
OPTIONS = ("uncertainty", "coarse_search_range", "fine_search_size", "save_space")


class CleanLearning(RegressorMixin, MetaEstimator):  # type: ignore[misc]
    """Find wrong targets with any regression model, and train it on the others.

    A scikit-learn estimator: it can be cloned, searched over and put into pipelines, and takes what the inner model
    takes: arrays, sparse matrices, data frames. A target is suspicious if models that have not seen it predict
    something else, by more than they are uncertain. Of no use where the model explains little of the targets; and
    rare but right rows that it predicts badly look like errors.

    Parameters
    ----------
    model : estimator, optional
        Has `fit` and `predict`, and can be cloned; itself it is never fitted. By default `LinearRegression()`.
    cv_n_folds : int, default 5
        Number of folds, at least 2.
    n_boot : int, default 5
        How often models are trained on either half of the rows, to see how much their predictions differ; 0 for not
        at all.
    include_aleatoric_uncertainty : bool, default True
        Whether to measure how much of the errors the model itself predicts.
    verbose : bool, default False
        Show a bar over the folds on a terminal, if they take longer than two seconds.
    seed : int, RandomState or Generator, optional
        Fixes the folds. Without it they are the same in every call; NumPy's global generator is neither read nor
        changed. Randomness of `model` itself is up to its `random_state`.
    n_jobs : int, optional
        How many folds to work on at a time, in threads, each with one BLAS thread; the answer does not depend on the
        number. By default one fold with as many BLAS threads as the host allows, or what `joblib.parallel_config` says.

    Attributes
    ----------
    model_ : estimator
        The copy of `model` that was trained on the rows without issues.
    n_features_in_, feature_names_in_
        Those of `model_`, if it has any.
    label_issues_df : DataFrame or None
        What `find_label_issues` returned last; also `get_label_issues()`.
    label_issues_mask : ndarray of bool, shape (n_samples,), or None
        Its column ``is_label_issue``.
    k : float or None
        The share of targets found to be wrong.

    Notes
    -----
    With the defaults 65 to 80 models are trained: 5 folds of the first cross-validation, of 5 shares of errors, of 3
    or 6 between the best and its neighbours, of the last one and of the residuals, and 5 times 2 halves.
    `LinearRegression` and `Ridge` (direct solvers, without constraints) on dense rows are not trained at all: their
    models follow from sums over the rows of each fold, to about nine digits; where columns are too nearly dependent
    for that they are trained like any other model. Memory: n_samples numbers for each cross-validation, and a copy of
    the rows for each thread, which linear models do without.

    References
    ----------
    Zhou, Mueller, Kumar, Wang, Lei, "Detecting Errors in a Numerical Response via any Regression Model",
    arXiv:2305.16583, 2023.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(200, 5, noise=5, random_state=0)
    >>> y[:5] += 300  # wrong
    >>> model = CleanLearning().fit(X, y)
    >>> sorted(model.get_label_issues().nsmallest(5, "label_quality").index)
    [0, 1, 2, 3, 4]
    >>> bool(model.label_issues_mask[:5].all())
    True
    """

    inner_name = "model"
    _metric = r2_score
    forgettable = ("label_issues_df_", "label_issues_mask_", "k_")

    # The names of `fit` that mean something to this class only; all others can be requested in pipelines.
    __metadata_request__fit: ClassVar[dict[str, Any]] = dict.fromkeys(
        ("find_label_issues_kwargs", "model_kwargs", "model_final_kwargs"), UNUSED
    )

    def __init__(
        self,
        model: Any = None,
        *,
        cv_n_folds: int = 5,
        n_boot: int = 5,
        include_aleatoric_uncertainty: bool = True,
        verbose: bool = False,
        seed: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.model = model
        self.cv_n_folds = cv_n_folds
        self.n_boot = n_boot
        self.include_aleatoric_uncertainty = include_aleatoric_uncertainty
        self.verbose = verbose
        self.seed = seed
        self.n_jobs = n_jobs

    k = found("k_")

    def find_label_issues(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        uncertainty: npt.ArrayLike | None = None,
        coarse_search_range: Sequence[float] = COARSE,
        fine_search_size: int = 3,
        save_space: bool = False,
        model_kwargs: Options | None = None,
    ) -> Any:
        """Find the targets that are probably wrong, without training on the others.

        Parameters
        ----------
        X : array, data frame, sparse matrix or list with n_samples rows
            What `model` takes.
        y : array-like of shape (n_samples,)
            Given targets, finite numbers.
        uncertainty : float or array-like of shape (n_samples,), optional
            How far predictions may be off, in the unit of `y`, at least 0. By default it is estimated: see
            `get_epistemic_uncertainty` and `get_aleatoric_uncertainty`.
        coarse_search_range : sequence of float, default (0.01, 0.05, 0.1, 0.15, 0.2)
            The shares of wrong targets that are tried first, each in [0, 1]. One alone is taken as it is, unless
            nothing left out is better.
        fine_search_size : int, default 3
            How many shares are tried between the best of these and each of its neighbours.
        save_space : bool
            Keep no table in the estimator.
        model_kwargs : dict, optional
            More arguments for every `model.fit`; those with one entry a row are cut with the rows.

        Returns
        -------
        DataFrame
            A row a target, in the table library of `y`, else pandas: ``is_label_issue`` (bool), ``label_quality``
            (in [0, 1], low is bad), ``given_label``, ``predicted_label`` (float64, by models that have not seen it).

        Raises
        ------
        TypeError, ValueError
            Before anything is fitted, if arguments are of a wrong kind, length or value, or do not go together.

        Notes
        -----
        With residual r = prediction - y and uncertainty u, a = abs(r / u) and the score is exp(-a / median(a)). The
        ``ceil(k * n_samples)`` rows with the lowest scores are issues; of equal ones those that come first.
        """
        X, given, targets = self._rows(X, y)
        issues = self._find(
            X,
            targets,
            as_options("model_kwargs", model_kwargs),
            uncertainty=uncertainty,
            coarse_search_range=coarse_search_range,
            fine_search_size=fine_search_size,
        )
        table = as_table(_columns(issues, given), like=(y,))
        self._keep(None if save_space else table, issues.is_issue, issues.share)
        return table

    def fit(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        label_issues: Any = None,
        find_label_issues_kwargs: Options | None = None,
        model_kwargs: Options | None = None,
        model_final_kwargs: Options | None = None,
        **params: Any,
    ) -> Self:
        """Find wrong targets, unless they are given, and train a copy of `model` on the other rows.

        Parameters
        ----------
        X : array, data frame, sparse matrix or list with n_samples rows
            What `model` takes.
        y : array-like of shape (n_samples,)
            Given targets, finite numbers.
        label_issues : DataFrame or array, optional
            Which rows to leave out: a table with a column ``is_label_issue``, a boolean mask (both in the order of the
            rows, whatever their index), or row numbers. Then nothing is cross-validated.
        find_label_issues_kwargs : dict, optional
            More arguments for `find_label_issues`.
        model_kwargs : dict, optional
            More arguments for every `model.fit`; those with one entry a row are cut with the rows.
        model_final_kwargs : dict, optional
            More arguments for the final training only, cut likewise.
        **params : dict
            `sample_weight`, array-like of shape (n_samples,): weights for the final training, cut with the rows. (No
            name in the signature, which would promise that rows of weight 2 count twice: the search knows no weights.)
            And with scikit-learn's metadata routing: arguments that `model` has asked for, for every training.

        Returns
        -------
        CleanLearning
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            Before anything is fitted, if arguments are of a wrong kind, length or value, or do not go together.
        """
        X, given, targets = self._rows(X, y)
        every_fit = without_weights("model_kwargs", model_kwargs)
        final_fit = without_weights("model_final_kwargs", model_final_kwargs)
        weights = params.pop("sample_weight", None)
        every_fit, final_fit = self.arguments_of_fit(every_fit, final_fit, params, weights, len(targets))
        if label_issues is None:
            options = as_options("find_label_issues_kwargs", find_label_issues_kwargs, OPTIONS)
            save_space = options.pop("save_space", False)
            found_now = self._find(X, targets, every_fit, **options)
            issues, share = found_now.is_issue, found_now.share
            table = None if save_space else as_table(_columns(found_now, given), like=(y,))
        else:
            issues, share = issues_given(label_issues, given), None
            table = issues_table(label_issues, issues, {"given_label": given})
        self.train(X, targets, issues, final_fit)
        self._keep(table, issues, share)  # only now: a training that fails leaves everything as it was
        return self

    def get_epistemic_uncertainty(
        self, X: Any, y: npt.ArrayLike, predictions: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float64]:
        """Estimate how uncertain the model is of each prediction, for want of data.

        Parameters
        ----------
        X : array, data frame, sparse matrix or list with n_samples rows
            What `model` takes.
        y : array-like of shape (n_samples,)
            Given targets.
        predictions : array-like of shape (n_samples,), optional
            More predictions, counted as one more round.

        Returns
        -------
        ndarray of float64, shape (n_samples,)
            Standard deviation of the predictions over `n_boot` rounds, in each of which models are trained on either
            half of the rows and predict the other; zero without any rounds.
        """
        X, _, targets = self._rows(X, y)
        known = None if predictions is None else as_column("predictions", predictions, len(targets))
        with self._search(X, targets, self._plan(len(targets))) as search:
            return search.epistemic(known)

    def get_aleatoric_uncertainty(self, X: Any, residual: npt.ArrayLike) -> float:
        """Estimate how large errors are that come from the data: as large as the model can predict them.

        Parameters
        ----------
        X : array, data frame, sparse matrix or list with n_samples rows
            What `model` takes.
        residual : array-like of shape (n_samples,)
            Predictions minus targets.

        Returns
        -------
        float
            Standard deviation of the residuals that are predicted by cross-validation.
        """
        X, _, targets = self._rows(X, residual, "residual")
        with self._search(X, targets, self._plan(len(targets))) as search:
            return search.aleatoric()

    score = MetaEstimator.score  # that of RegressorMixin would not ask the model

    def inner(self) -> Any:
        """Return the model to be copied and trained."""
        return LinearRegression() if self.model is None else self.model

    def prepare(self, X: Any) -> Any:
        """Return rows as `model` is to see them."""
        return as_rows(X)

    def _rows(self, X: Any, y: Any, name: str = "y") -> tuple[Any, npt.NDArray[Any], Floats]:
        """Return rows, targets as they were given, and as float64, or raise."""
        given, targets = _as_given(name, y), as_targets(name, y)
        X = self.prepare(X)
        check_rows(X, len(targets))
        return X, given if given.dtype.kind in "fiu" else targets, targets

    def _plan(self, n_samples: int, coarse: Sequence[float] = COARSE, fine_size: int = 0) -> Plan:
        """Return how to search, or raise if it cannot be done or there are too few rows."""
        check_number("cv_n_folds", self.cv_n_folds, 2, whole=True)
        check_number("n_boot", self.n_boot, 0, whole=True)
        check_number("fine_search_size", fine_size, 0, whole=True)
        coarse = as_shares(coarse)
        left = n_samples - (n_left_out(n_samples, coarse[0]) if len(coarse) == 1 else 0)
        if left < self.cv_n_folds:
            rule = "be at most the number of rows that train models"
            fix = "Use fewer folds, or leave out fewer rows." if left < n_samples else ""
            raise ValueError(sentence("cv_n_folds", rule, f"{self.cv_n_folds} for n_samples = {left}", fix))
        return Plan(self.cv_n_folds, self.n_boot, self.include_aleatoric_uncertainty, coarse, fine_size)

    @contextmanager
    def _search(self, X: Any, targets: Floats, plan: Plan, model_kwargs: Options | None = None) -> Iterator[Search]:
        """Check the model and yield the search with it."""
        arguments = self.final_arguments(dict(model_kwargs or {}), len(targets))
        refits = Refits(fresh_copy("model", self.inner()), X, arguments, self.n_jobs, self.verbose)
        with fastest(refits) as model:
            yield Search(model, targets, as_random_state(self.seed), plan)

    def _find(
        self,
        X: Any,
        targets: Floats,
        model_kwargs: dict[str, Any],
        *,
        uncertainty: npt.ArrayLike | None = None,
        coarse_search_range: Sequence[float] = COARSE,
        fine_search_size: int = 3,
    ) -> Found:
        """Return what `find_label_issues` is to say, or raise before anything is fitted."""
        plan = self._plan(len(targets), coarse_search_range, fine_search_size)
        known = None if uncertainty is None else as_uncertainty(uncertainty, len(targets))
        with self._search(X, targets, plan, model_kwargs) as search:
            return search.find(known)

    def _keep(self, table: Any, issues: npt.NDArray[np.bool_], share: float | None) -> None:
        self.label_issues_df_, self.k_ = table, share
        self.label_issues_mask_ = None if table is None else issues


def _as_given(name: str, y: Any) -> npt.NDArray[Any]:
    """Return targets as they are, one a row; a column is one too, with scikit-learn's warning."""
    if y is None:
        raise ValueError(sentence(name, "hold the targets; requires y to be passed, but the target y is None"))
    given = as_array(name, y)
    if given.dtype.kind == "c":
        fix = "Complex data not supported."  # the words that scikit-learn looks for
        raise ValueError(sentence(name, "hold real numbers", f"dtype {given.dtype}", fix))
    try:
        return column_or_1d(given, warn=True)
    except ValueError as error:
        raise ValueError(sentence(name, "be one number a row", f"shape {given.shape}")) from error


def _columns(issues: Found, given: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of the table of issues."""
    return {
        "is_label_issue": issues.is_issue,
        "label_quality": issues.quality,
        "given_label": given,
        "predicted_label": issues.predictions,
    }
