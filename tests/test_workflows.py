"""The workflows: what they may do and what they call. The scripts behind them are tested in ``test_deploy.py``."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.commands import TARGETS, unknown
from tests.test_light import file_of, reached

from api.settings import Settings

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
# Secrets beside the run's own token, and the workflows that may see them: no test needs one.
SECRETS = {"HEARTH_DATABASE_URL": {"evaluate", "scheduled-retrain"}, "DVC_CONFIG": {"evaluate", "scheduled-retrain", "release"}}
# What a job may do beyond reading, each with the reason that the workflow gives.
WRITES = {
    ("api-tests", "comment"): {"pull-requests"},
    ("evaluate", "retrain"): {"actions", "issues"},
    ("evaluate", "tell"): {"issues"},
    ("scheduled-retrain", "retrain"): {"contents", "pull-requests"},
    ("scheduled-retrain", "image"): {"packages"},
    ("scheduled-retrain", "tell"): {"issues"},
    ("release", "release"): {"contents", "packages"},
}
Tree = Mapping[str, Any]


def read(path: Path) -> Tree:
    """A workflow; YAML takes the word ``on`` for true."""
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}


FLOWS = {path.stem: read(path) for path in WORKFLOWS}


def jobs() -> Iterator[tuple[str, str, Tree]]:
    """Every job, by workflow and name."""
    for flow, content in FLOWS.items():
        yield from ((flow, name, job) for name, job in content["jobs"].items())


def steps() -> Iterator[tuple[str, Tree]]:
    """Every step of every job and of every action of ours, with where it is."""
    for flow, name, job in jobs():
        yield from ((f"{flow}.{name}", step) for step in job["steps"])
    for path in ACTIONS:
        yield from ((path.parent.name, step) for step in read(path)["runs"]["steps"])


def commands() -> list[tuple[str, str]]:
    """Every line that a step runs, with where it is."""
    return [(where, line) for where, step in steps() for line in step.get("run", "").splitlines()]


def test_the_workflows_are_those_that_were_asked_for() -> None:
    """A file that is added is added here."""
    assert set(FLOWS) == {"ci", "api-tests", "evaluate", "scheduled-retrain", "release"}


def test_a_step_runs_a_target_of_the_makefile() -> None:
    """Or one line of GitHub's own command, or the one that hands DVC its configuration: no program hides in a workflow."""
    strange = [(where, line) for where, line in commands() if not re.fullmatch(r"make [a-z-]+|gh \w+ \w+ .*", line)]
    assert [where for where, _ in strange] == ["environment"]
    named = {line.split()[1] for _, line in commands() if line.startswith("make ")}
    assert {"lint", "types", "unit", "reproduced", "api-tests", "evaluate", "retrain", "image-push"} <= named
    assert named - TARGETS == set()


def test_targets_and_scripts_call_commands_that_there_are() -> None:
    """With options that they have."""
    paths = [ROOT / "Makefile", *(ROOT / "deploy").glob("*.sh"), *(ROOT / ".ci").iterdir()]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    assert unknown(re.sub(r"^#.*|  ##.*", "", text, flags=re.MULTILINE)) == set()


def test_nothing_a_step_runs_is_written_by_somebody_else() -> None:
    """What comes from an event, an input or a secret reaches a command as a variable of the environment, never as its text."""
    assert [line for _, line in commands() if "${{" in line] == []


def test_a_failure_fails() -> None:
    """No step goes on after one."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*WORKFLOWS, *ACTIONS))
    assert not re.search(r"continue-on-error|\|\| *true|set \+e|always\(\)", text)


def test_nothing_is_permitted_that_is_not_asked_for() -> None:
    """Nothing at the top; a job reads, and writes what is listed here, with its reason beside it."""
    assert [flow for flow, content in FLOWS.items() if content["permissions"] != {}] == []
    found = {(flow, name): {what for what, how in job["permissions"].items() if how == "write"} for flow, name, job in jobs()}
    assert {where: what for where, what in found.items() if what} == WRITES
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines()]
    given = [line for line in lines if re.match(r" +[a-z-]+: (read|write)\b", line)]
    assert given
    assert [line for line in given if " # " not in line] == []


def test_every_run_ends_and_waits_its_turn() -> None:
    """A job has a limit in minutes and names its system, a workflow has a group."""
    for flow, name, job in jobs():
        assert 0 < job["timeout-minutes"] <= 120, (flow, name)
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]), (flow, name)
    assert [flow for flow, content in FLOWS.items() if set(content["concurrency"]) != {"group", "cancel-in-progress"}] == []


def test_what_pushes_is_never_cut_off() -> None:
    """Only a pull request's checks are cancelled by newer ones."""
    allowed = {flow: content["concurrency"]["cancel-in-progress"] for flow, content in FLOWS.items()}
    assert {flow for flow, cancels in allowed.items() if cancels is not False} == {"ci", "api-tests"}
    assert {cancels for cancels in allowed.values() if cancels} == {"${{ github.event_name == 'pull_request' }}"}


def test_actions_are_pinned_to_a_commit() -> None:
    """Forty digits, and which version that is; the same everywhere. Ours come from the commit that runs."""
    lines = [line for path in (*WORKFLOWS, *ACTIONS) for line in path.read_text(encoding="utf-8").splitlines()]
    used = [line.split("uses: ")[1] for line in lines if "uses: " in line]
    ours, others = [one for one in used if one.startswith("$/")], {one for one in used if not one.startswith("$/")}
    assert {(ROOT / one.removeprefix("$/") / "action.yml") for one in ours} == set(ACTIONS)
    assert [one for one in others if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []
    assert len({one.split("@")[0] for one in others}) == len(others)


def test_a_checkout_leaves_no_token_behind() -> None:
    """What pushes gets one for that step."""
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) > 5
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_the_service_is_tested_when_anything_that_it_imports_changes() -> None:
    """At any depth, by a push as by a pull request; and no part of the pipeline that it does not import starts them."""
    on = FLOWS["api-tests"]["on"]
    assert on["push"]["paths"] == on["pull_request"]["paths"]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "api").rglob("*.py")]
    paths = [path for module in reached(*modules)[0] if (path := file_of(module)) is not None]
    names = [str(path.relative_to(ROOT)) for path in paths]
    watched = {
        given: [name for name in names if name == given or (given.endswith("/**") and name.startswith(given[:-2]))]
        for given in on["push"]["paths"]
    }
    assert set(names) - {name for found in watched.values() for name in found} == set()
    assert [given for given, found in watched.items() if given.startswith("src/") and not found] == []


def test_images_of_services_are_pinned_as_those_of_the_composition() -> None:
    """To a digest, and with the tags of ``docker-compose.yml``; only this machine reaches them."""
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    services = [(name, service) for _, _, job in jobs() for name, service in job.get("services", {}).items()]
    assert {name for name, _ in services} == {"postgres", "redis"}
    for name, service in services:
        tag, _, digest = service["image"].partition("@")
        assert tag == composed[name]["image"]
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert len({service["image"] for _, service in services}) == 2


def cron(text: str) -> bool:
    """Whether these are five fields of numbers, steps, lists and ranges, each within its bounds."""
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    fields = text.split()
    part = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/[1-9]\d*)?")
    found = [[part.fullmatch(each) for each in field.split(",")] for field in fields]
    inside = [
        all(match and all(low <= int(number) <= high for number in match.groups() if number) for match in matches)
        for matches, (low, high) in zip(found, bounds, strict=False)
    ]
    return len(fields) == len(bounds) and all(inside)


def test_schedules_are_times() -> None:
    """Daily for a look, weekly for a retraining, at minutes at which not everybody asks; by hand as well."""
    assert cron("*/5 0-4,6 * * 1")
    assert not any(map(cron, ("60 * * * *", "0 24 * * *", "0 0 0 * *", "* * * *", "@daily", "0 0 * * 7", "x 0 * * *")))
    times = {flow: [one["cron"] for one in content["on"].get("schedule", [])] for flow, content in FLOWS.items()}
    assert {flow for flow, found in times.items() if found} == {"evaluate", "scheduled-retrain"}
    assert all(cron(text) and text.split()[0] != "0" for found in times.values() for text in found)
    assert times["evaluate"][0].split()[2:] == ["*", "*", "*"]
    assert times["scheduled-retrain"][0].split()[4] != "*"
    assert all("workflow_dispatch" in FLOWS[flow]["on"] for flow, found in times.items() if found)


def test_inputs_have_types_and_readers() -> None:
    """A choice has its default among its options; an input that nothing reads is none."""
    asked = {flow: (content["on"].get("workflow_dispatch") or {}).get("inputs", {}) for flow, content in FLOWS.items()}
    assert set(asked["scheduled-retrain"]) == {"only-if", "propose"}
    for flow, inputs in asked.items():
        text = (ROOT / ".github" / "workflows" / f"{flow}.yml").read_text(encoding="utf-8")
        for name, one in inputs.items():
            assert one["type"] in {"choice", "boolean", "number", "environment"}, name
            assert one["description"]
            assert "options" not in one or one["default"] in one["options"]
            assert f"inputs.{name}" in text


def test_what_a_finding_starts_looks_again() -> None:
    """Of the conditions that are offered, the one under which truths that something speaks against start no retraining."""
    text = (ROOT / ".github" / "workflows" / "evaluate.yml").read_text(encoding="utf-8")
    (asked,) = re.findall(r"gh workflow run scheduled-retrain\.yml .*--field only-if=(\S+)", text)
    assert asked == "drift,degradation"
    assert asked in FLOWS["scheduled-retrain"]["on"]["workflow_dispatch"]["inputs"]["only-if"]["options"]


def test_secrets_are_those_that_the_page_explains() -> None:
    """None but these, each in the workflows that need it; the tests get none."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name in re.findall(r"secrets\.(\w+)|secrets\[", path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(path.stem)
    assert found == SECRETS
    assert all(f"`{name}`" in page for name in found)
    where = {flow: content for flow, content in FLOWS.items() if "pull_request" in content["on"]}
    assert set(where) == {"ci", "api-tests"}


def test_secrets_are_of_an_environment() -> None:
    """A job that sees one names the environment that holds it, where branches can be restricted."""
    seen = {(flow, name) for flow, name, job in jobs() if "secrets." in json.dumps(job)}
    assert seen == {(flow, name) for flow, name, job in jobs() if job.get("environment") == "store"}


def test_variables_of_steps_are_read() -> None:
    """One of Hearth's is a setting; any other is read by what the step runs."""
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "Makefile", *(ROOT / "deploy").glob("*.sh")])
    settings = {f"HEARTH_{name.upper()}" for name in Settings.model_fields}
    tools = re.compile(r"GH_TOKEN|GH_REPO|GIT_CONFIG_(COUNT|(KEY|VALUE)_\d)")  # read by gh and by git themselves
    given = {(name, step.get("run", "")) for _, step in steps() for name in step.get("env", {})}
    given |= {(name, step.get("run", "")) for _, _, job in jobs() for name in job.get("env", {}) for step in job["steps"]}
    assert {name for name, _ in given if name.startswith("HEARTH_")} <= settings
    for name in {name for name, _ in given if not tools.fullmatch(name)}:
        read_in = [run for given_name, run in given if given_name == name]
        assert re.search(rf"\b{name}\b", scripts) or any(name in run for run in read_in), name


def test_exit_codes_that_steps_act_on_are_told_by_their_targets() -> None:
    """``steps.X.outputs.code`` is of a step that runs a command through ``deploy/coded.sh``; codes are among those it takes."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    coded = {
        name: set(codes.split())
        for name, codes in re.findall(r'^([a-z]+):.*\n(?:\t.*\n)*?.*coded\.sh "([\d ]+)"', makefile, re.MULTILINE)
    }
    assert coded == {"evaluate": {"0", "2", "3"}, "drift": {"0", "2", "3"}, "retrain": {"0", "3", "4"}}
    text = {path.stem: path.read_text(encoding="utf-8") for path in WORKFLOWS}
    for flow, content in text.items():
        for name, code in re.findall(r"(?:needs\.evaluate\.outputs\.|steps\.)(\w+)(?:\.outputs\.code)? == '(\d)'", content):
            assert code in coded[name], (flow, name)
    assert "evaluate == '2' || needs.evaluate.outputs.drift == '2'" in text["evaluate"]
    assert "steps.retrain.outputs.code == '0'" in text["scheduled-retrain"]


def test_what_is_dispatched_is_there() -> None:
    """The look starts the retraining with an input that it takes."""
    (line,) = [line for _, line in commands() if line.startswith("gh workflow run")]
    name, given = re.findall(r"run (\S+)\.yml .*--field (\S+)", line)[0]
    key, _, value = given.partition("=")
    assert value in FLOWS[name]["on"]["workflow_dispatch"]["inputs"][key]["options"]


def test_what_is_published_is_built_without_a_cache() -> None:
    """A pull request could have put something into it."""
    for flow, name, job in jobs():
        if "packages" in job["permissions"]:
            environments = [step for step in job["steps"] if step.get("uses", "").startswith("$/")]
            assert [step["with"]["cache"] for step in environments] == ["false"], (flow, name)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("permissions: {}", "permissions: write-all"),
        ("persist-credentials: false", "fetch-depth: 1"),
        ("run: make lint", "run: echo ${{ github.event.pull_request.title }}"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
    ],
)
def test_zizmor_sees_a_fault(tmp_path: Path, right: str, wrong: str) -> None:
    """As ``make lint`` asks it: what is there passes, each of these does not."""
    zizmor = Path(sys.executable).with_name("zizmor")
    command: list[str | Path] = [zizmor, "--offline", "--pedantic", "--no-progress", "--quiet", tmp_path / "ci.yml"]
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert right in text
    for content, passes in ((text, True), (text.replace(right, wrong, 1), False)):
        (tmp_path / "ci.yml").write_text(content, encoding="utf-8")
        assert (subprocess.run(command, capture_output=True, check=False).returncode == 0) is passes


def test_lint_asks_every_checker() -> None:
    """Of the workflows: GitHub's schema and zizmor, at its stricter setting; of the scripts: ShellCheck."""
    recipe = subprocess.run(["make", "--dry-run", "lint"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml" in recipe
    assert "zizmor --offline --pedantic" in recipe
    assert "shellcheck .ci/* deploy/*.sh" in recipe
