"""What an estimator around an estimator needs, to be an estimator itself."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Collection
from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from fastcl.core.arrays import as_array
from fastcl.core.errors import sentence, warn
from fastcl.core.validation import as_options
from fastcl.cross_validation.rows import take_of_each, take_rows

logger = logging.getLogger(__name__)

#: Methods of the inner estimator that are called by the method of the same name.
DELEGATED = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score")


def found(path: str) -> property:
    """Return a property that reads what `fit` or a search has left behind, None if there is nothing.

    The attribute itself has an underscore behind its name, as scikit-learn wants it.
    """

    def get(self: Any) -> Any:
        value = self
        for name in path.split("."):
            value = getattr(value, name, None)
        return value

    return property(get, doc=f"What `fit` or a search has left in `{path}`, None if there is nothing.")


def inner_has(method: str) -> Callable[[Any], bool]:
    """Return the test whether the inner estimator, trained if it is, has a method (for `available_if`)."""

    def has(self: Any) -> bool:
        return hasattr(self.fitted_inner if self.__sklearn_is_fitted__() else self.inner(), method)

    return has


class MetaEstimator(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that trains a copy of another one on the rows without label issues.

    Subclasses name the parameter that holds the inner estimator; its fitted copy is the attribute of that name with an
    underscore. The inner estimator itself is never fitted, and no parameter is ever changed.
    """

    #: Name of the parameter that holds the inner estimator.
    inner_name: ClassVar[str]

    #: What `score` says of an inner estimator that has no `score`.
    _metric: ClassVar[Callable[..., Any]]

    #: Attributes that `save_space` forgets.
    forgettable: ClassVar[tuple[str, ...]] = ("label_issues_df_", "label_issues_mask_")

    # Weights of a score are the inner estimator's business.
    __metadata_request__score: ClassVar[dict[str, Any]] = {"sample_weight": UNUSED}

    label_issues_df = found("label_issues_df_")
    label_issues_mask = found("label_issues_mask_")

    def inner(self) -> Any:
        """Return the estimator to be copied and trained, the default one if none was given."""
        raise NotImplementedError

    @property
    def fitted_inner(self) -> Any:
        """The trained copy of the inner estimator."""
        check_is_fitted(self)
        return getattr(self, f"{self.inner_name}_")

    @property
    def n_features_in_(self) -> int:
        """How many columns the trained estimator has seen."""
        return self._of_fitted("n_features_in_")

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """What the columns that the trained estimator has seen are called."""
        return self._of_fitted("feature_names_in_")

    def _of_fitted(self, name: str) -> Any:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r} before it is fitted.")
        return getattr(self.fitted_inner, name)

    def __sklearn_is_fitted__(self) -> bool:
        return f"{self.inner_name}_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            inner = get_tags(self.inner())
        except Exception:  # no estimator of scikit-learn's; `fit` says what is wrong with it, if anything
            return tags
        tags.input_tags = deepcopy(inner.input_tags)
        tags.input_tags.pairwise = False
        tags.non_deterministic = inner.non_deterministic
        return tags

    def get_metadata_routing(self) -> Any:
        """Return who is given which arguments of `fit`, `predict` and `score` (scikit-learn's metadata routing)."""
        methods = MethodMapping().add(caller="fit", callee="fit")
        for method in DELEGATED:
            methods.add(caller=method, callee=method)
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(**{self.inner_name: self.inner()}, method_mapping=methods)

    def predict(self, X: Any, **params: Any) -> npt.NDArray[Any]:
        """Predict with the estimator trained on the clean rows.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows, as the inner estimator takes them.
        **params
            Passed on to its `predict`.

        Returns
        -------
        ndarray of shape (n_samples,)
            What its `predict` returns.
        """
        return self._delegate("predict", X, **params)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
        """Score the estimator trained on the clean rows, by its own `score`: mostly accuracy, or R2 of a regression.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows, as the inner estimator takes them.
        y : array-like of shape (n_samples,)
            True labels or targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        **params
            Passed on to its `score`.

        Returns
        -------
        float
            The higher, the better.
        """
        if not hasattr(self.fitted_inner, "score"):
            return float(type(self)._metric(y, self.predict(X), sample_weight=sample_weight))
        return self._delegate("score", X, y, **params, sample_weight=sample_weight)

    def _delegate(self, method: str, X: Any, *args: Any, **params: Any) -> Any:
        """Call a method of the trained estimator, with the arguments that are meant for it."""
        inner = self.fitted_inner
        routed = routed_params(self, method, params)
        return getattr(inner, method)(self.prepare(X), *args, **routed)

    def prepare(self, X: Any) -> Any:
        """Return rows as the inner estimator is to see them."""
        return X

    def arguments_of_fit(
        self, every: dict[str, Any], final: dict[str, Any], params: dict[str, Any], sample_weight: Any, n_samples: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arguments of every training, and those of the final one, which alone is weighed."""
        every = every | params_of_fit(self, params, sample_weight)
        final = self.final_arguments(every | final, n_samples)
        every.pop("sample_weight", None)
        return every, final

    def final_arguments(self, arguments: dict[str, Any], n_samples: int) -> dict[str, Any]:
        """Return the arguments of the final training, or raise if the inner estimator cannot be trained with them."""
        inner, name = self.inner(), self.inner_name
        for method in ("fit", "predict"):
            if isinstance(inner, type) or not hasattr(inner, method):
                rule = f"be an estimator with `{method}`"
                raise ValueError(sentence(name, rule, _kind(inner), _how_to_wrap(inner)))
        _check_known(f"{name}.fit", inner.fit, arguments)
        if arguments.get("sample_weight") is None:
            return {key: value for key, value in arguments.items() if key != "sample_weight"}
        if not takes_sample_weight(inner):
            rule = f"be None for a `{name}` whose `fit` takes no weights"
            raise ValueError(sentence("sample_weight", rule, f"weights for {_kind(inner)}"))
        return arguments | {"sample_weight": as_sample_weight(arguments["sample_weight"], n_samples)}

    def train(self, X: Any, y: npt.NDArray[Any], issues: npt.NDArray[np.bool_], arguments: dict[str, Any]) -> Self:
        """Fit a fresh copy of the inner estimator to the rows without issues, and keep it."""
        kept = np.flatnonzero(~issues)
        if not kept.size:
            raise ValueError(sentence("label_issues", "leave some rows to train on", "an issue in every row"))
        arguments = take_of_each(arguments, len(y), kept)
        inner = clone(self.inner())
        if kept.size == len(y):
            inner.fit(X, y, **arguments)
        else:
            inner.fit(take_rows(X, kept), y[kept], **arguments)
        setattr(self, f"{self.inner_name}_", inner)
        logger.info("%s: trained on %d of %d rows.", type(self).__name__, len(kept), len(y))
        return self

    def get_label_issues(self) -> Any:
        """Return the table of label issues that was found last, or None, with a warning, if there is none.

        Returns
        -------
        DataFrame or None
            As `find_label_issues` has it.
        """
        found = self.label_issues_df
        if found is None:
            warn("No label issues are known: call `find_label_issues` or `fit` first, without `save_space`.")
        return found

    def save_space(self) -> Self:
        """Forget what is as long as the data: the table of label issues and all that comes with it.

        Returns
        -------
        object
            The estimator itself; it predicts as before, and can be fitted again.
        """
        for name in self.forgettable:
            self.__dict__.pop(name, None)
        return self


def routed_params(owner: MetaEstimator, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that `method` of the inner estimator is to be given.

    With scikit-learn's metadata routing switched on, those that it has asked for; else all.
    """
    params = {name: value for name, value in params.items() if value is not None}
    if not params or not get_config()["enable_metadata_routing"]:
        return params
    return dict(process_routing(owner, method, **params)[owner.inner_name][method])


def params_of_fit(owner: MetaEstimator, params: dict[str, Any], sample_weight: Any) -> dict[str, Any]:
    """Return the arguments for the inner `fit` among those that `fit` does not know itself, and the weights."""
    if params and not get_config()["enable_metadata_routing"]:
        fix = (
            f"Those of the inner `fit` go into `{owner.inner_name}_kwargs`, or through scikit-learn's metadata routing."
        )
        names = ", ".join(map(repr, params))
        raise TypeError(sentence(f"{type(owner).__name__}.fit", "be given arguments that it knows", names, fix))
    return routed_params(owner, "fit", params | {"sample_weight": sample_weight})


def without_weights(name: str, options: Any) -> dict[str, Any]:
    """Return options of trainings as a dict of one's own, or raise if weights are among them."""
    options = as_options(name, options)
    if "sample_weight" in options:
        raise ValueError(sentence(name, "hold no sample weights", "'sample_weight'", "Pass `sample_weight` itself."))
    return options


def takes_sample_weight(estimator: Any) -> bool:
    """Tell whether the `fit` of an estimator knows sample weights by name."""
    return "sample_weight" in inspect.signature(estimator.fit).parameters


def _check_known(name: str, fit: Callable[..., Any], arguments: Collection[str]) -> None:
    """Raise TypeError unless `fit` takes these arguments; sample weights are looked at elsewhere."""
    parameters = inspect.signature(fit).parameters if arguments else {}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    unknown = [argument for argument in arguments if argument not in (*parameters, "sample_weight")]
    if unknown:
        raise TypeError(sentence(name, "take the arguments that it is to be given", ", ".join(map(repr, unknown))))


def as_sample_weight(sample_weight: Any, n_samples: int, name: str = "sample_weight") -> npt.NDArray[np.floating[Any]]:
    """Return sample weights as an array of floats, or raise."""
    weights = as_array(name, sample_weight)
    if weights.shape != (n_samples,):
        raise ValueError(sentence(name, f"have shape ({n_samples},), one a row", f"shape {weights.shape}"))
    if weights.dtype.kind not in "fiub":
        raise TypeError(sentence(name, "hold numbers", f"dtype {weights.dtype}"))
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(sentence(name, "hold finite numbers of at least 0", f"{weights[bad[0]]} in row {bad[0]:,}"))
    if not weights.any():
        raise ValueError(sentence(name, "not be zero in every row"))
    return weights if weights.dtype.kind == "f" else weights.astype(np.float64)


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _how_to_wrap(inner: Any) -> str:
    if isinstance(inner, type):
        return f"Write {inner.__name__}()."
    is_network = any(kind.__module__.startswith("torch.") for kind in type(inner).__mro__)
    return "Wrap it, with skorch say." if is_network else ""
