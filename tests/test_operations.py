"""What ``docs/operations.md`` explains, beside the names that every page is checked for: each alert, each workflow.

Its lines for backups are run in ``api/served/test_backup.py``.
"""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
WORKFLOWS = {path.stem for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def section(title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    _, level, text = re.split(rf"^(#+) {re.escape(title)}$", PAGE, maxsplit=1, flags=re.MULTILINE)
    return re.split(rf"^#{{1,{len(level)}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    """It begins with how urgent the alert is, as its label says, and tells what to do."""
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in rules}
    assert re.findall(r"^### (\w+)$", section("Alerts"), re.MULTILINE) == list(severities)
    for name, severity in severities.items():
        first, _, rest = section(name).strip().partition(". ")
        assert first.lower() == severity, name
        assert len(rest.split()) > 15, name
    assert set(re.findall(r"`(Hearth[A-Z]\w+)`", PAGE)) <= set(severities)


def test_every_workflow_is_explained() -> None:
    """When it runs, what it does, what it may write; and none that is not there."""
    rows = re.findall(r"^\| `([\w-]+)` \|.*", section("Workflows").partition("### ")[0], re.MULTILINE)
    assert set(rows) == WORKFLOWS
    assert set(re.findall(r"([\w-]+)\.yml", section("Workflows"))) <= WORKFLOWS
