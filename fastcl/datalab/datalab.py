"""The lab: data, what was found in it, and what people ask of both."""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcl.core.errors import check_number, check_option, warn
from fastcl.datalab import audit, results
from fastcl.datalab.check import NEEDS, TASKS, Finding
from fastcl.datalab.data.labels import ClassLabels, NumberLabels, SetLabels, read_labels
from fastcl.datalab.data.tables import Table, open_table
from fastcl.datalab.evidence import Evidence
from fastcl.datalab.graphs import Graphs
from fastcl.datalab.inputs import (
    as_given_features,
    as_probabilities,
    as_split,
    as_values,
    in_order_of_classes,
    refuse_other_order,
)
from fastcl.engine.blocks import as_read_only
from fastcl.engine.threads import resolve_n_jobs

if TYPE_CHECKING:
    from fastcl.datalab.monitoring.monitor import Monitor


class Datalab:
    """Audit everything at once: labels, features, texts, images.

    Every check that the inputs allow runs on one sweep of the probabilities and one graph of neighbours. A check flags
    rows and scores them (in [0, 1], low is bad); people decide.

    Parameters
    ----------
    data : table or path
        The data to audit: a dict of columns, a list of dicts, a pandas, Polars or Arrow table, a Hugging Face dataset,
        or the path of a ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl``, ``.json`` or ``.txt`` file. Never copied nor
        changed. Tables come back in the library of the data; pandas for dicts, lists and paths. Rows are counted from
        0, whatever index they have.
    task : {"classification", "regression", "multilabel"}
        What labels are: one class a row, a number, or a set of classes.
    label_name : str, optional
        The column of given labels. Missing labels (None, NaN) make rows unlabelled: they are not judged by it, and get
        a suggestion.
    image_key : str, optional
        A column of images: Pillow images, paths, arrays or bytes.
    verbosity : int
        0 keeps progress bars away and shortens the report; up to 4 the report shows ever more.
    text_key : str, optional
        A column of texts.
    class_names : sequence of names, optional
        The classes, in the order of the columns of ``pred_probs``; by default those of the data, sorted. A column may
        declare more classes than it holds: Hugging Face's ``ClassLabel``, in its order; categoricals, sorted.

    Attributes
    ----------
    data, task, label_name, image_key, text_key, verbosity
        As given.
    failed : dict of str to Exception
        Why checks of the last `find_issues` failed.

    Raises
    ------
    TypeError, ValueError
        If the data are no table, a column is missing, or labels do not fit the task.

    Notes
    -----
    Reading a column takes what reading it takes; nothing but the labels is read before a check needs it.

    References
    ----------
    Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcl import Datalab
    >>> labels = np.repeat(["cat", "dog"], 20)
    >>> of_cat = np.where(labels == "cat", 0.9, 0.2)
    >>> of_cat[-1] = 0.95
    >>> lab = Datalab({"y": labels}, label_name="y")
    >>> lab.find_issues(pred_probs=np.column_stack([of_cat, 1 - of_cat]), issue_types=["label", "class_imbalance"])
    >>> lab.get_issue_summary()
            issue_type  score  num_issues
    0            label  0.975           1
    1  class_imbalance  0.500           0
    >>> lab.get_issues("label").tail(2)
        is_label_issue  label_score given_label predicted_label
    38           False         0.80         dog             dog
    39            True         0.05         dog             cat
    """

    def __init__(
        self,
        data: Any,
        task: str = "classification",
        label_name: str | None = None,
        image_key: str | None = None,
        verbosity: int = 1,
        *,
        text_key: str | None = None,
        class_names: Sequence[Hashable] | None = None,
    ) -> None:
        check_option("task", task, TASKS)
        check_number("verbosity", verbosity, 0, 4, whole=True)
        self.data = data
        self.task = task
        self.label_name = label_name
        self.image_key = image_key or None
        self.text_key = text_key
        self.verbosity = verbosity
        self.failed: dict[str, Exception] = {}
        self._table: Table | None = open_table(data)
        self._n_rows = self._table.n_rows
        self._like = self._table.native
        self._fingerprint: str | None = None
        self._labels = None if label_name is None else read_labels(self._table, label_name, task, class_names)
        self._findings: dict[str, Finding] = {}
        self._graphs = Graphs(self._n_rows)
        for key in filter(None, (self.image_key, self.text_key)):
            self._table.column(key)

    def find_issues(
        self,
        *,
        pred_probs: Any = None,
        features: Any = None,
        knn_graph: Any = None,
        issue_types: Mapping[str, Any] | Sequence[str] | None = None,
        split: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        """Run every check that the inputs allow, or those asked for; the answers are kept in the lab.

        Parameters
        ----------
        pred_probs : array-like of shape (n_samples, n_classes), optional
            Out-of-sample predicted probabilities in [0, 1]: of classes, for "multilabel" of each class by itself. For
            "regression" predictions of shape (n_samples,). A table with class names as columns is matched by name. Or
            the path of a ``.npy`` file, or columns of the data by name. Without it, and with features and class labels,
            probabilities are made of these, which the report says.
        features : array-like, table or sparse matrix of shape (n_samples, n_features), optional
            Embeddings or columns of numbers; or the path of a ``.npy`` file, or columns of the data by name.
        knn_graph : KNNGraph, or scipy sparse matrix of distances of shape (n_samples, n_samples), optional
            Neighbours of each row, made by `fastcl.neighbors.build_knn_graph` or elsewhere. By default a graph is built
            from the features, once, and kept: a later call needs no features.
        issue_types : dict of str to dict, or list of str, optional
            The checks to run, each with its options; see `list_possible_issue_types`. By default all of
            `list_default_issue_types` for which there is what they need.
        split : str or array-like of shape (n_samples,), optional
            Which split (train, test, ...) each row belongs to, or the column that says so: copies across splits are
            looked for.
        n_jobs : int, optional
            Number of threads; by default as many as this process may use. The answer does not depend on it.

        Raises
        ------
        TypeError, ValueError
            If inputs do not fit the data (number of rows, classes, values), a check or an option is unknown, or an
            option is out of its range. A check that fails later raises nothing: it is recorded in `failed`, and a
            warning says so.

        Notes
        -----
        The answer of a check depends neither on the order of checks nor on what ran before; a check that runs again
        replaces its earlier answer. Options are never changed. The graph has as many neighbours as any check asks for,
        and each uses its own `k` of them.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastcl import Datalab
        >>> iris = load_iris(as_frame=True)
        >>> lab = Datalab(iris.frame, label_name="target")
        >>> lab.find_issues(features=iris.data)
        >>> lab.get_issue_summary("exact_duplicate")
                issue_type     score  num_issues
        0  exact_duplicate  0.986667           2
        """
        n_jobs = resolve_n_jobs(n_jobs)  # once: it reads files of the system
        if isinstance(issue_types, (Mapping, list, tuple)) and not issue_types:
            warn("`issue_types` is empty, so no check was run. Leave it out to run all that the inputs allow.")
            return
        given = {"pred_probs": pred_probs, "features": features, "knn_graph": knn_graph, "split": split}
        evidence = self._evidence(given, n_jobs)
        chosen = audit.choose(evidence, issue_types)
        if not chosen:
            warn("No check can run: pass `pred_probs` or `features`, or name columns of labels, texts or images.")
        evidence = evidence.having(planned=frozenset(chosen))
        assignments = audit.assign(evidence, chosen, lambda own: self._evidence(_with_own(given, own), n_jobs))
        audit.refuse_bad_inputs(evidence, assignments)
        outcome = audit.run(assignments, evidence)
        self._graphs = evidence.graphs
        for name in (*outcome.failed, *outcome.findings):
            self._findings.pop(name, None)  # a check that failed has no answer any more
        self._findings |= outcome.findings
        self.failed = outcome.failed

    def _evidence(self, given: Mapping[str, Any], n_jobs: int | None) -> Evidence:
        """Return what checks may look at, or raise if inputs do not fit the data."""
        given = {
            name: as_values(name, value, self._table) if name in ("pred_probs", "features") else value
            for name, value in given.items()
            if value is not None
        }
        for name in ("pred_probs", "features"):
            refuse_other_order(name, given.get(name), self._like)
        pred_probs, labels = None, self._labels
        if "pred_probs" in given:
            pred_probs, columns = as_probabilities(given["pred_probs"], self.task, self._n_rows)
            if isinstance(labels, (ClassLabels, SetLabels)):
                labels, pred_probs = in_order_of_classes(labels, pred_probs, columns)
        features = given.get("features")
        if features is not None:
            features = as_given_features(features, self._n_rows)
        verbose = self.verbosity > 0
        graph_of = {"features": features, "given": given.get("knn_graph"), "earlier": self._graphs}
        return Evidence(
            task=self.task,
            n_rows=self._n_rows,
            table=self._table,
            labels=labels,
            given_pred_probs=pred_probs,
            features=features,
            graphs=Graphs(self._n_rows, n_jobs=n_jobs, verbose=verbose, **graph_of),
            split=as_split(given["split"], self._table, self._n_rows) if "split" in given else None,
            label_name=self.label_name,
            text=self._column(self.text_key),
            images=None if self.image_key is None or self._table is None else self._table.values(self.image_key),
            n_jobs=n_jobs,
            verbose=verbose,
        )

    def _column(self, name: str | None) -> Any:
        return None if name is None or self._table is None else self._table.column(name)

    @property
    def labels(self) -> Any:
        """The given labels: class codes of shape (n_samples,), -1 for none; numbers; or lists of class codes."""
        match self._labels:
            case ClassLabels():
                return as_read_only(self._labels.codes, np.int32)
            case NumberLabels():
                return as_read_only(self._labels.values, np.float64)
            case SetLabels():
                return self._labels.as_lists()
        return np.empty(0)

    @property
    def has_labels(self) -> bool:
        """Whether there is a column of labels."""
        return self._labels is not None

    @property
    def class_names(self) -> list[Any]:
        """The classes, in the order of their codes; none for regression."""
        return self._labels.names.tolist() if isinstance(self._labels, (ClassLabels, SetLabels)) else []

    @property
    def issues(self) -> Any:
        """A table of ``is_<check>_issue`` and ``<check>_score`` of every row, for all checks that ran."""
        return results.issues_table(self._findings, self._n_rows, self._like)

    @property
    def issue_summary(self) -> Any:
        """A table of each check's score (low is bad) and number of issues."""
        return results.summary_table(self._findings, self._like)

    @property
    def info(self) -> dict[str, Any]:
        """What is known beside flags and scores, by check; ``"statistics"`` is about the data."""
        return {"statistics": self._statistics()} | {name: self.get_info(name) for name in self._findings}

    def get_issues(self, issue_name: str | None = None) -> Any:
        """Return the issues of every row.

        Parameters
        ----------
        issue_name : str, optional
            A check that has run; by default all of them.

        Returns
        -------
        table of n_samples rows
            In the library of the data. ``is_<check>_issue`` and ``<check>_score`` of one check with what else it says
            of each row, or of all checks.

        Raises
        ------
        ValueError
            If there is no such check, it has not run, or it failed.
        """
        if issue_name is None:
            return self.issues
        return results.issue_columns(issue_name, self._finding(issue_name), self._n_rows, self._like)

    def get_issue_summary(self, issue_name: str | None = None) -> Any:
        """Return the score and the number of issues of one check, or of all.

        Parameters
        ----------
        issue_name : str, optional
            A check that has run; by default all of them.

        Returns
        -------
        table
            Columns ``issue_type``, ``score`` in [0, 1] (low is bad), ``num_issues``.

        Raises
        ------
        ValueError
            If there is no such check, it has not run, or it failed.
        """
        if issue_name is None:
            return self.issue_summary
        return results.summary_table({issue_name: self._finding(issue_name)}, self._like)

    def get_info(self, issue_name: str | None = None) -> dict[str, Any]:
        """Return what is known beside flags and scores.

        Parameters
        ----------
        issue_name : str, optional
            A check that has run, or ``"statistics"`` for what is known of the data (classes, graph, health); by default
            a dict of all.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If there is no such check, it has not run, or it failed.
        """
        if issue_name is None:
            return self.info
        if issue_name == "statistics":
            return self._statistics()
        finding = self._finding(issue_name)
        return {**finding.info, **results.written_out(finding.columns)}

    def report(
        self,
        *,
        num_examples: int = 5,
        verbosity: int | None = None,
        include_description: bool = True,
        show_summary_score: bool = False,
        show_all_issues: bool = False,
    ) -> None:
        """Print what was found: a summary, then for each check what it means and its worst rows.

        Parameters
        ----------
        num_examples : int
            Rows to show of each check, worst first.
        verbosity : int, optional
            0 to 4, the more the longer; by default that of the lab.
        include_description : bool
            Whether to say what each check means.
        show_summary_score : bool
            Whether to show the score of each check beside its number of issues.
        show_all_issues : bool
            Whether to show checks that found nothing.
        """
        from fastcl.datalab.reporting.report import report

        text = report(
            self,
            num_examples=num_examples,
            verbosity=self.verbosity if verbosity is None else verbosity,
            include_description=include_description,
            show_summary_score=show_summary_score,
            show_all_issues=show_all_issues,
        )
        sys.stdout.write(text + "\n")

    def monitor(self, *, features: Any = None) -> Monitor:
        """Return what judges new rows by this audit, without running it again.

        Parameters
        ----------
        features : array-like, table or sparse matrix of shape (n_samples, n_features), optional
            The features that were audited, for a lab that was loaded and so does not hold them; they are compared with
            the fingerprint of its graph.

        Returns
        -------
        Monitor
            It does not change if the lab runs further checks.

        Raises
        ------
        ValueError
            If no check has run, or the features are not those audited.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fastcl import Datalab
        >>> iris = load_iris(as_frame=True)
        >>> lab = Datalab(iris.frame, label_name="target")
        >>> lab.find_issues(features=iris.data, issue_types=["outlier", "near_duplicate"])
        >>> monitor = lab.monitor()
        >>> monitor
        Monitor(outlier: features, near_duplicate: features)
        >>> monitor.score_new(features=[[9.9, 0.1, 0.1, 9.9]]).is_outlier_issue.tolist()
        [True]
        """
        from fastcl.datalab.monitoring.fitted import Fitted
        from fastcl.datalab.monitoring.monitor import Monitor

        about = (self.task, self.label_name, self.text_key)
        return Monitor.of(Fitted(*about, self._findings, self._labels, self._graphs, features))

    def score_new(
        self,
        *,
        data: Any = None,
        labels: Any = None,
        pred_probs: Any = None,
        features: Any = None,
        n_jobs: int | None = None,
    ) -> Any:
        """Judge new rows by this audit, without running it again; for many batches keep a `monitor`.

        Parameters
        ----------
        data, labels, pred_probs, features, n_jobs
            New rows, see `Monitor.score_new`.

        Returns
        -------
        table of n_new rows
            Flags, scores and what else checks say of each row, see `Monitor.score_new`.

        Raises
        ------
        TypeError, ValueError
            If no check has run, nothing was brought that a check needs, or what was brought does not fit the audit.

        Examples
        --------
        >>> import numpy as np
        >>> from fastcl import Datalab
        >>> pred_probs = np.repeat([[0.9, 0.1], [0.2, 0.8]], 20, axis=0)
        >>> lab = Datalab({"y": ["cat"] * 20 + ["dog"] * 20}, label_name="y")
        >>> lab.find_issues(pred_probs=pred_probs, issue_types=["label"])
        >>> lab.score_new(labels=["dog"], pred_probs=[[0.97, 0.03]])
           is_label_issue  label_score given_label predicted_label
        0            True         0.03         dog             cat
        """
        new = {"data": data, "labels": labels, "pred_probs": pred_probs, "features": features}
        return self.monitor().score_new(**new, n_jobs=n_jobs)

    def list_possible_issue_types(self) -> list[str]:
        """Return the names of all checks for this task, in the order in which an audit runs them."""
        absent = {need for need, key in (("images", self.image_key), ("text", self.text_key)) if key is None}
        known = audit.known_checks(self.task)
        return [name for name, check in known.items() if check.can_run(set(NEEDS) - absent)]

    def list_default_issue_types(self) -> list[str]:
        """Return the names of the checks that run without being asked for, if there is what they need."""
        known = audit.known_checks(self.task)
        return [name for name in self.list_possible_issue_types() if known[name].default]

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write the lab to a directory: tables as Parquet, the rest as JSON and ``.npz``; nothing is pickled.

        The data themselves stay where they are; their fingerprint is kept, so that `load` can tell whether it is given
        the same.

        Parameters
        ----------
        path : str or path
            The directory.
        force : bool
            Whether to replace a lab that is there already.

        Raises
        ------
        FileExistsError
            If there is something at the path, and `force` is False or it is no saved lab.
        TypeError
            If a check of the user found something that cannot be written.
        ImportError
            If pyarrow is not installed.
        """
        from fastcl.datalab.saving.files import save

        save(self, path, force=force)

    @staticmethod
    def load(path: str | os.PathLike[str], data: Any = None) -> Datalab:
        """Read a lab that `save` wrote.

        Parameters
        ----------
        path : str or path
            The directory.
        data : table or path, optional
            The data that were audited, for checks that read columns; compared by their contents.

        Returns
        -------
        Datalab
            It reports the same. Its `data` are those given, else None.

        Raises
        ------
        FileNotFoundError
            If there is no lab at the path.
        ValueError
            If files are missing, damaged or of a later version, or the data are others.
        ImportError
            If pyarrow is not installed.
        """
        from fastcl.datalab.saving.files import load

        lab = Datalab.__new__(Datalab)
        vars(lab).update(load(path, data))
        return lab

    def __len__(self) -> int:
        return self._n_rows

    def __repr__(self) -> str:
        from fastcl.datalab.reporting.report import short

        return short(self)

    def __str__(self) -> str:
        from fastcl.datalab.reporting.report import overview

        return overview(self)

    def _repr_html_(self) -> str:
        from fastcl.datalab.reporting.notebook import page

        return page(self)

    def _finding(self, name: str) -> Finding:
        if name not in self._findings:
            audit.require_check(self.task, name, "issue_name")
        return results.require_finding(name, self._findings, self.failed)

    def _statistics(self) -> dict[str, Any]:
        known: dict[str, Any] = {
            "num_examples": self._n_rows,
            "multi_label": self.task == "multilabel",
            "health_score": results.health_score(self._findings),
        }
        if self.class_names:
            known |= {"class_names": self.class_names, "num_classes": len(self.class_names)}
        if (graph := self._graphs.graph) is not None:
            known |= {"weighted_knn_graph": graph.to_csr(), "knn_metric": graph.metric}
        return known


def _with_own(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of one check that brings some itself; with features of its own the graph of all is not its."""
    shared = {name: value for name, value in given.items() if name != "knn_graph" or "features" not in own}
    return shared | dict(own)
