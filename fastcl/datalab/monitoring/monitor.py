"""Tomorrow's batch: new rows judged by what an audit has fitted, and how they compare with the rows audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcl.core.arrays import as_table
from fastcl.core.errors import sentence, warn
from fastcl.datalab.check import Finding
from fastcl.datalab.monitoring.drift import Shares, columns_of, count_audited, count_new, share_columns
from fastcl.datalab.monitoring.fitted import NO_FEATURES, Fitted
from fastcl.datalab.monitoring.judges import Judge
from fastcl.datalab.monitoring.new_rows import Door, NewRows
from fastcl.datalab.results import written_out
from fastcl.engine.threads import resolve_n_jobs


@dataclass(frozen=True, eq=False)
class Monitor:
    """Judge new rows by an audit: nothing is fitted again, and neither lab nor monitor changes.

    Made by `Datalab.monitor`. Each row is judged by itself: it makes no difference which rows come with it, in one
    batch or in many.

    Attributes
    ----------
    needs : dict of str to tuple of str
        The checks that judge new rows, and the inputs that each needs.
    left_out : dict of str to str
        The checks of the audit that do not, and why.

    Notes
    -----
    ================ ================================================================================================
    check            an issue is a new row ...
    ================ ================================================================================================
    null             without a single value
    label            of which another class than the given one is confident, by the thresholds of the audit, and more
                     probable; a row without label gets a suggestion
    outlier          whose average distance to its nearest rows in the audit, or else whose uncertainty, is beyond
                     the cut of the audit
    near_duplicate   that is nearer to a row of the audit than the threshold allows
    exact_duplicate  that equals a row of the audit
    ambiguous        on which annotators agree less than the cut of the audit allows
    text checks      as in the audit, with its limits
    ================ ================================================================================================

    Scores are those of the audit: a row of the audit gets from `score_new` the label score that it has there. Flags of
    labels need not be those of the audit, whose default filter flags as many rows as the noise between classes
    suggests, which cannot be told of one row; they are those of
    ``find_label_issues(..., filter_by="confident_learning")``.

    The first call that needs neighbours reads the features of the audit and keeps a float32 copy; keep the monitor for
    many batches.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021, section
    3.1, for the thresholds. Kuan and Mueller, "Back to the Basics: Revisiting Out-of-Distribution Detection
    Baselines", ICML Workshop on Principles of Distribution Shift 2022, section 2, for distances of new rows.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl import Datalab
    >>> pred_probs = np.repeat([[0.9, 0.1], [0.2, 0.8]], 20, axis=0)
    >>> lab = Datalab({"y": ["cat"] * 20 + ["dog"] * 20}, label_name="y")
    >>> lab.find_issues(pred_probs=pred_probs, issue_types=["label"])
    >>> monitor = lab.monitor()
    >>> monitor.score_new(labels=["cat", "dog", None], pred_probs=[[0.9, 0.1], [0.97, 0.03], [0.2, 0.8]])
       is_label_issue  label_score given_label predicted_label
    0           False         0.90         cat             cat
    1            True         0.03         dog             cat
    2           False          NaN         NaN             dog
    """

    judges: Mapping[str, Judge] = field(repr=False)
    left_out: Mapping[str, str]
    door: Door = field(repr=False)
    findings: Mapping[str, Finding] = field(repr=False)
    class_counts: npt.NDArray[np.int64] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, fitted: Fitted) -> Self:
        """Return the monitor of an audit.

        Raises
        ------
        ValueError
            If no check has run, or features that were passed are not those audited.
        """
        if not fitted.findings:
            raise ValueError("No check has run yet, so nothing is fitted: call lab.find_issues(...) first.")
        judges, left_out = fitted.judges()
        if fitted.features is not None:
            for neighborhood in fitted.neighborhoods.values():
                neighborhood.rows  # noqa: B018  read now, to refuse other features before any batch comes
        door = Door(
            fitted.task,
            fitted.label_name,
            fitted.text_key,
            fitted.classes,
            fitted.n_features,
            fitted.feature_names,
        )
        return cls(judges, left_out, door, dict(fitted.findings), fitted.class_counts)

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The checks that judge new rows, and the inputs that each needs."""
        return {name: tuple(sorted(judge.needs)) for name, judge in self.judges.items()}

    def __repr__(self) -> str:
        checks = ", ".join(f"{name}: {' + '.join(words)}" for name, words in self.needs.items())
        return f"Monitor({checks})"

    def score_new(
        self,
        *,
        data: Any = None,
        labels: Any = None,
        pred_probs: Any = None,
        features: Any = None,
        n_jobs: int | None = None,
    ) -> Any:
        """Judge new rows by every check that has what it needs.

        Parameters
        ----------
        data : table or path, optional
            New rows as `Datalab` takes them; its column of labels and its column of texts are used, if there.
        labels : array-like of shape (n_new,), optional
            Given labels, if they are in no column of `data`; None or NaN for none. Names of classes of the audit.
        pred_probs : array-like of shape (n_new, n_classes), optional
            Predicted probabilities in [0, 1] of the model that was audited. Columns as in the audit; those of a table
            are matched by name.
        features : array-like, table or sparse matrix of shape (n_new, n_features), optional
            Features as in the audit. Columns of a table are matched by name if the audit had names. Rows that lack
            values are not compared with others: their scores are NaN.
        n_jobs : int, optional
            Number of threads; by default as many as this process may use. The answer does not depend on it.

        Returns
        -------
        table of n_new rows
            ``is_<check>_issue``, ``<check>_score`` (in [0, 1], low is bad, NaN where a row cannot be judged) and what
            else a check says of each row: ``given_label`` and ``predicted_label``; ``nearest_neighbor`` (row number in
            the data audited) and ``distance_to_nearest_neighbor``; ``exact_duplicate_of`` (row number, -1 for none).
            Checks for which nothing was brought have no columns, nor has the label check flags without labels. In the
            library of the table brought, else pandas.

        Raises
        ------
        TypeError, ValueError
            If nothing was brought that a check needs, inputs differ in length, or do not fit the audit: classes,
            columns, values that are no probabilities or no finite numbers.

        Notes
        -----
        One pass over the probabilities, two with the check "ambiguous". Neighbours are searched exactly, whatever the
        search of the audit: n_new x n_samples x n_features products. Ties go to the lower row number.
        """
        n_threads = resolve_n_jobs(n_jobs)  # once: it reads files of the system
        wanted = frozenset().union(*(judge.needs | judge.uses for judge in self.judges.values()))
        rows = self.door.open(data, labels, pred_probs, features, wanted, n_threads)
        chosen = {name: judge for name, judge in self.judges.items() if judge.needs <= rows.available}
        if not chosen:
            raise ValueError(self._nothing_to_judge(rows.available))
        self._warn_of_missing(rows)
        columns: dict[str, Any] = {}
        for name, judge in chosen.items():
            finding = judge.judge(rows)
            if finding.is_issue is not None:
                columns |= {f"is_{name}_issue": finding.is_issue, f"{name}_score": finding.scores}
            columns |= finding.columns
        return as_table(written_out(columns), (data, labels, features, pred_probs))

    def _warn_of_missing(self, rows: NewRows) -> None:
        """Say that new features are not compared with those audited, where nobody has these."""
        missing = [name for name, reason in self.left_out.items() if reason == NO_FEATURES]
        if missing and rows.features is not None:
            warn(f"Not judged: {', '.join(missing)}; {NO_FEATURES}.")

    def compare(self, table: Any) -> Any:
        """Compare the share of issues among new rows with that in the audit.

        Parameters
        ----------
        table : table
            What `score_new` returned, of one batch or of several put together.

        Returns
        -------
        table
            A row for each check: ``issue_type``; ``num_rows`` that were judged; ``num_issues``; their ``share``;
            ``share_low`` and ``share_high``, its 95 % interval (Wilson's); ``audited_share``; ``p_value``, the chance
            of shares that differ as much if nothing has changed (Fisher's exact test, two-sided).

        Raises
        ------
        ValueError
            If the table has no flags of a check of this monitor.

        Notes
        -----
        Of 20 checks that have not changed one has a p-value below .05. The share of labels is that by the rule for new
        rows in the audit too; NaN if the audit does not tell it.

        References
        ----------
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927. Fisher,
        "Statistical Methods for Research Workers", 5th edition, 1934, section 21.02.
        """
        new = columns_of(table)
        names = [name for name in self.judges if f"is_{name}_issue" in new]
        if not names:
            raise ValueError(sentence("table", "be what score_new returned", f"columns {', '.join(map(str, new))}"))
        shares = [Shares(count_new(new, name), count_audited(name, self.findings[name])) for name in names]
        return as_table({"issue_type": np.array(names, object)} | share_columns(shares), (table,))

    def compare_classes(self, table: Any) -> Any:
        """Compare the share of each class among the labels of new rows with that in the audit.

        Parameters
        ----------
        table : table
            What `score_new` returned for rows with labels.

        Returns
        -------
        table
            A row for each class: ``class_name``; ``num_rows`` that have a label; ``num_given``, those of them that have
            this one; and shares as for `compare`.

        Raises
        ------
        ValueError
            If the table has no column ``given_label``.
        """
        new = columns_of(table)
        if self.door.classes is None or self.class_counts is None or "given_label" not in new:
            raise ValueError(sentence("table", "have a column 'given_label' of classes", f"{', '.join(new)}"))
        codes = self.door.read_labels(new["given_label"]).codes
        counts = np.bincount(codes[codes >= 0], minlength=len(self.door.classes))
        sizes = int(counts.sum()), int(self.class_counts.sum())
        both = zip(counts.tolist(), self.class_counts.tolist(), strict=True)
        shares = [Shares((now, sizes[0]), (before, sizes[1])) for now, before in both]
        return as_table({"class_name": self.door.classes} | share_columns(shares, "num_given"), (table,))

    def _nothing_to_judge(self, brought: frozenset[str]) -> str:
        """Say what is needed, and what came."""
        checks: dict[str, list[str]] = {}
        for name, words in self.needs.items():
            checks.setdefault(" and ".join(words), []).append(name)
        needed = "; ".join(f"{words} for {', '.join(names)}" for words, names in checks.items())
        came = f"Only {' and '.join(sorted(brought))} came." if brought else "Nothing of it came."
        return f"New rows are judged by {needed or 'no check of this audit'}. {came} For others see monitor.left_out."
