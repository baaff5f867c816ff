"""Results as tables and plots, written where people look."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def write(results: dict[str, Any]) -> None:
    """Write the tables in README.md and docs, and the plot."""
    table = jobs_table(results)
    everything = "\n\n".join([table, large_table(results), start_up_table(results), footnote(results)]) + "\n"
    (ROOT / "docs" / "benchmarks-table.md").write_text(everything)
    readme = ROOT / "README.md"
    text = between(readme.read_text(), "benchmarks", f"\n\n{table}\n\n{footnote(results)}\n\n")
    readme.write_text(between(text, "claim", claim(results)))
    plot(results)


def between(text: str, name: str, content: str) -> str:
    """Return `text` with what stands between two comments replaced.

    >>> between("a <!-- x -->old<!-- /x --> b", "x", "new")
    'a <!-- x -->new<!-- /x --> b'
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}{content}{end}", text, flags=re.DOTALL)


def claim(results: dict[str, Any]) -> str:
    """Return the measured number of the first sentence."""
    first = next(iter(results["jobs"].values()))
    return f"a million rows of 100 classes in {first['ours']:.2f} s, {first['ratio']:.0f} times as fast as cleanlab"


def jobs_table(results: dict[str, Any]) -> str:
    """Return the main table; rows that miss their target stay in."""
    head = "| job | size | cleanlab 2.9.0 | fastcl | times faster (floor) | one read of the data | extra bytes a row |"
    lines = [head, "|---|---|--:|--:|--:|--:|--:|"]
    for key, row in results["jobs"].items():
        name, size = key.split(" | ")
        memory = f"{row['bytes_per_row']:.0f} (cleanlab {row['peer_bytes_per_row']:.0f})"
        floor = f" ({row['target']})" if row["target"] else ""
        lines.append(
            f"| `{name}` | {size} | {row['peer']:.2f} s | {row['ours']:.3f} s "
            f"| **{row['ratio']:.0f}**{floor} | {row['read']:.3f} s | {memory} |"
        )
    return "\n".join(lines)


def large_table(results: dict[str, Any]) -> str:
    """Return the table of runs from memory maps."""
    large = results["large"]
    lines = ["| `find_label_issues` from a memory map | seconds | anonymous memory of the process |", "|---|--:|--:|"]
    for n_rows, row in large.items():
        if isinstance(row, dict):
            peak = row["anonymous_bytes"] / 1e6
            lines.append(f"| {int(n_rows):,} x 100 float32 | {row['seconds']:.2f} | {peak:.0f} MB |")
    lines.append(f"| time of the larger over ten times the smaller | {large['time_over_ten_times_one']:.2f} | |")
    return "\n".join(lines)


def start_up_table(results: dict[str, Any]) -> str:
    """Return the table of imports and first calls."""
    start = results["start_up"]
    lines = ["| start | seconds |", "|---|--:|"]
    lines += [f"| {name} | {taken:.2f} |" for name, taken in start.items() if isinstance(taken, float)]
    loaded = ", ".join(start["loaded by import fastcl"]) or "none"
    return "\n".join([*lines, f"| numba, scikit-learn, pandas, faiss, scipy loaded by `import fastcl` | {loaded} |"])


def footnote(results: dict[str, Any]) -> str:
    """Return where the numbers come from."""
    about = results["machine"]
    return (
        f"Medians, both sides called in turns in one process on the same data, answers compared in the same run; "
        f"cleanlab with one process or its default, whichever is faster. {about['processor']}, {about['system']}; "
        f"{about['versions']}; {about['date']}; `python -m benchmarks.run`."
    )


def plot(results: dict[str, Any]) -> None:
    """Draw how time grows with rows and with classes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fastcl"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axis, (what, fixed) in zip(axes, [("rows", "100 classes"), ("classes", "100,000 rows")], strict=True):
        sizes = [int(size) for size in results["scaling"][what]]
        times = list(results["scaling"][what].values())
        axis.loglog(sizes, times, "o-", color="#2a6f97")
        axis.loglog(sizes, [times[-1] * size / sizes[-1] for size in sizes], ":", color="grey", label="linear")
        axis.set(xlabel=f"{what} ({fixed}, float32)", ylabel="seconds", title=f"find_label_issues by {what}")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    target = ROOT / "docs" / "_static" / "scaling.svg"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
