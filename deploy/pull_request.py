"""The text of a retraining's pull request, in Markdown: the gate's verdict, plots, every figure that changed.

Usage: ``pull_request.py BASE``, from the root of a checkout whose HEAD holds the candidate. The plots are drawn by GitHub
itself from what stands in the text (Mermaid), so that no picture has to be kept anywhere.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

METRICS, VERDICT, IMPORTANCE = (Path("reports") / name for name in ("metrics.json", "verdict.json", "plots/importance.csv"))
FEATURES = 12  # bars of the second plot at most
INTRODUCTION = """\
`hearth retrain` built a candidate and `hearth gate` found it better than the champion. Merged, it is the champion:
`dvc.lock` of this branch names it. `docs/operations.md` says how to read this, and what happens on the merge."""
Json = Mapping[str, Any]


def scores(metrics: Json, name: str) -> dict[str, float]:
    """The cross-validated mean of one metric, by experiment and baseline."""
    inner = {each: value["cv"] for each, value in metrics.items() if isinstance(value, dict) and "cv" in value}
    return {each: cv[name]["mean"] for each, cv in inner.items() if name in cv}


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> str:
    """A bar chart, in Mermaid."""
    names = ", ".join('"{}"'.format(label.replace('"', "'")) for label in labels)
    axes = [f"  x-axis [{names}]", f"  y-axis {min(0.0, *values):.4g} --> {max(0.0, *values):.4g}"]
    drawn = f"  bar [{', '.join(f'{value:.4g}' for value in values)}]"
    return "\n".join(["```mermaid", "xychart-beta horizontal", f'  title "{title}"', *axes, drawn, "```"])


def compared(name: str, before: Json | None, after: Json) -> str:
    """The cross-validated metric ``name`` of each experiment and baseline, with what it was in the champion's build."""
    new, old = scores(after, name), scores(before or {}, name)
    shown = [
        (f"{each}, {when}", values[each]) for each in new for when, values in (("before", old), ("now", new)) if each in values
    ]
    return bars(f"{name}, cross-validated", [label for label, _ in shown], [value for _, value in shown])


def important(path: Path) -> str:
    """What the candidate's predictions hang on, the most important features first."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: -float(row["importance"]))[:FEATURES]
    return bars("mean absolute SHAP value", [row["feature"] for row in rows], [float(row["importance"]) for row in rows])


def decided(verdict: Json) -> str:
    """The gate's verdict: every figure of it, the reasons, the rule."""
    sides = [f"| {side} | `{(verdict[side] or {'digest': 'none'})['digest']}` |" for side in ("candidate", "champion")]
    figures = [f"| {name} | {value} |" for name, value in (verdict["outcome"] or {}).items()]
    table = ["| | |", "|---|---|", f"| method | {verdict['method']} |", *sides, *figures]
    return "\n".join([*(f"- {reason}" for reason in verdict["reasons"]), "", *table, "", verdict["rule_in_words"]])


def text(verdict: Json, before: Json | None, after: Json, changes: str, importance: Path) -> str:
    """The whole."""
    name = (verdict["outcome"] or {}).get("metric", next(iter(after["cv"])))
    plots = [compared(name, before, after), *([important(importance)] if importance.is_file() else [])]
    parts = [
        INTRODUCTION,
        "## The verdict",
        decided(verdict),
        "## Plots",
        *plots,
        "## Every figure that changed",
        changes.strip(),
    ]
    return "\n\n".join(parts)


def committed(revision: str, path: Path) -> Json | None:
    """A JSON file as of a revision; none where it was not there yet."""
    command = ["git", "show", f"{revision}:{path.as_posix()}"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git of the path
    found: Json | None = json.loads(done.stdout) if done.returncode == 0 else None
    return found


def main() -> None:
    """Print the text."""
    (base,) = sys.argv[1:]
    command = ["dvc", "metrics", "diff", "--md", base, "HEAD"]
    changes = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - DVC of the path
    verdict, after = (json.loads(path.read_text(encoding="utf-8")) for path in (VERDICT, METRICS))
    print(text(verdict, committed(base, METRICS), after, changes, IMPORTANCE))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
