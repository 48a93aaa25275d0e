"""Promises that the repository makes as a whole: who imports whom, what is named where, what the README says."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.api.asking import KEY, ROW, Started, configured, started
from tests.bundles import Tiny
from tests.commands import unknown
from tests.parsed import tree

import hearth.params
from api import main
from api.keys import SCOPES
from api.routes.console import ASSETS
from api.settings import OTHERS, Settings
from hearth.bundle import write
from hearth.params import Frozen

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hearth"
MODULES = sorted(SOURCE.rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]
}
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
LIGHT = frozenset({"numpy", "scipy", "simpleeval", "xgboost", *sys.stdlib_module_names})
# What a part of this package may import of it: stages -> training -> bundle, and what all share.
SHARED = {"artifacts", "errors", "expressions", "imports", "params", "processors", "schema", "separators"}
MAY = {
    "bundle": {"artifacts", "errors", "expressions", "schema", "bundle"},
    "params": {"errors", "expressions", "schema", "params"},
    "sources": SHARED | {"sources"},
    "training": SHARED | {"bundle", "training"},
    "reporting": SHARED | {"bundle", "training", "reporting"},
    "scoring": SHARED | {"bundle", "sources", "scoring"},
    "monitoring": SHARED | {"bundle", "sources", "training", "monitoring"},
    "release": SHARED | {"bundle", "sources", "training", "release"},
    "project": SHARED | {"sources", "training", "project"},
    "cli": SHARED | {"bundle", "sources", "training", "scoring", "monitoring", "release", "project", "cli"},
    "stages": SHARED | {"bundle", "sources", "training", "reporting", "stages"},
}
# Modules that may import MLflow.
LOGGING = {"training/tracking.py", "release/registry.py"}
# Words of the table that this repository happens to come with.
WORDS = ("boston", "housing", "price", "tract", "crime", "harrison", "rubinfeld")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at any level, with its dots."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = node.module == "hearth"
            yield from (f"hearth.{alias.name}" if whole else str(node.module) for alias in node.names)


def part(path: Path) -> str:
    """The part of this package that a file belongs to: a folder, or the name of a module at the top."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def tracked() -> list[Path]:
    """The files in git."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def texts() -> dict[str, bytes]:
    """The text files in git: those without a zero byte."""
    contents = {str(path.relative_to(ROOT)): path.read_bytes() for path in tracked()}
    return {name: content for name, content in contents.items() if b"\0" not in content}


@pytest.mark.parametrize("name", sorted(MAY))
def test_imports_go_in_the_directions_of_the_design(name: str) -> None:
    """A part imports the parts below it and no other."""
    found = {
        (str(path.relative_to(SOURCE)), module.split(".")[1])
        for path in MODULES
        if part(path) == name
        for module in imported(path)
        if module.startswith("hearth.") and module.split(".")[1] != "__version__"
    }
    assert found or name == "sources"
    assert {one for one in found if one[1] not in MAY[name]} == set()


def test_every_folder_of_the_package_has_its_directions() -> None:
    """A new part is given its place here."""
    assert {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()} == set(MAY)


def test_only_tracking_and_the_registry_import_mlflow() -> None:
    """Everything else runs without MLflow."""
    found = {str(path.relative_to(SOURCE)) for path in MODULES if any(one.split(".")[0] == "mlflow" for one in imported(path))}
    assert "training/tracking.py" in found
    assert found <= LOGGING


def test_the_bundle_needs_nothing_heavier_than_xgboost() -> None:
    """What serving loads imports the standard library, numpy, scipy, xgboost, and three light modules of ours."""
    light = [path for path in MODULES if part(path) in {"bundle", "artifacts", "errors", "expressions", "schema"}]
    assert len(light) > 6
    assert {one.split(".")[0] for path in light for one in imported(path)} - {"hearth"} <= LIGHT


def names_in(path: Path) -> Iterator[str]:
    """Every identifier of a file and every string, whole."""
    for node in ast.walk(tree(path)):
        yield from (str(value) for field, value in ast.iter_fields(node) if isinstance(value, str) and field != "type_comment")
        yield from (key.arg for key in getattr(node, "keywords", []) if key.arg)


def code_files() -> list[Path]:
    """The files of the package but for presets, each of which is about one table."""
    files = [path for path in SOURCE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return [path for path in files if path.parent != SOURCE / "project" / "presets"]


def test_no_column_of_the_table_is_named_in_the_code() -> None:
    """No string and no identifier is a column; those of four letters and more stand nowhere, also not in templates."""
    columns = {*PARAMS["features"], PARAMS["data"]["target"]}
    short = {name for name in columns if len(name) > 1}  # a letter stands for too much
    assert {(path.name, name) for path in MODULES for name in names_in(path) if name in short} == set()
    long = re.compile(rf"\b({'|'.join(name for name in columns if len(name) > 3)})\b", re.IGNORECASE)
    files = code_files()
    assert {(path.name, found.group()) for path in files for found in long.finditer(path.read_text(encoding="utf-8"))} == set()


def test_no_word_of_the_table_stands_in_the_code() -> None:
    """Neither code nor comments nor templates speak of what this table is about, nor do the defaults of settings."""
    words = re.compile(rf"\b({'|'.join(WORDS)})s?\b", re.IGNORECASE)
    files = code_files()
    assert {(path.name, found.group()) for path in files for found in words.finditer(path.read_text(encoding="utf-8"))} == set()
    assert words.search(str(PARAMS))


def fields(model: type[Frozen]) -> Iterator[str]:
    """The name of every key that a settings model and those inside it have."""
    yield from model.model_fields
    for one in Frozen.__subclasses__():
        yield from one.model_fields


def read_names() -> set[str]:
    """Every attribute that code or a template reads, outside the checks of the settings themselves."""
    found: set[str] = set()
    for path in MODULES:
        checks = {
            id(inner)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.FunctionDef) and "model_validator" in "".join(map(ast.unparse, node.decorator_list))
            for inner in ast.walk(node)
        }
        found |= {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute) and id(node) not in checks}
    for path in SOURCE.rglob("*.j2"):
        found |= set(re.findall(r"\bcard\.(\w+)", path.read_text(encoding="utf-8")))
    return found


def test_every_setting_has_a_reader() -> None:
    """Each key of the settings is read somewhere; those that are handed on as a whole are known by where they go."""
    handed_on = {
        "bundled",
        "csv",
        "kaggle",
        "parquet",
        "openml",
        "sql",
        "max_bin",
        "num_parallel_tree",
    }  # getattr by data.source; model_dump to XGBoost
    assert sorted(set(fields(hearth.params.Params)) - read_names() - handed_on) == []
    assert {"max_bin", "num_parallel_tree"} == set(hearth.params.FixedParams.model_fields)


def test_every_setting_is_in_the_file_with_the_comment_that_it_needs() -> None:
    """A number of the pipeline has a comment on its line; the file has every section of the settings in their order."""
    assert list(PARAMS) == list(hearth.params.Params.model_fields)
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    at = lines.index("prepare:")
    number = re.compile(r"^  \w+: (?!null)[\d.]+\s*(#.*)?$")
    bare = [line for line in lines[at:] if (found := number.match(line)) and not found.group(1)]
    assert [line for line in bare if "folds" not in line and "repeats" not in line and "seed" not in line] == []


def test_the_keys_that_stages_declare_are_in_the_settings() -> None:
    """DVC fails late on a key that is not there; this fails early."""
    for stage in GRAPH.values():
        for key in stage.get("params", []):
            value: object = PARAMS
            for name in key.split("."):
                assert isinstance(value, dict)
                assert name in value, f"{key} is not in params.yaml"
                value = value[name]


def code_spans(text: str) -> str:
    """The code of a page, inline and in blocks."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", text, re.DOTALL)
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", outside)])


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_a_page_names_exist(page: str) -> None:
    """``hearth X --option`` and ``make X`` in a code span; a key of ``params.yaml``, alone or after ``dvc exp run -S``."""
    spans = code_spans(PAGES[page])
    assert unknown(spans) == set()
    known = {f"{section}.{key}" for section, part_ in PARAMS.items() for key in part_}
    bare = {span for span in spans.splitlines() if re.fullmatch(rf"({'|'.join(PARAMS)})\.\w+", span)}
    assert {*re.findall(r"-S (\S+?)=", spans), *bare} - known == set()


def test_what_a_page_gets_wrong_is_seen() -> None:
    """A subcommand, an option, a target that nobody has."""
    assert unknown("hearth serv; hearth keys nwe x; hearth serve --prot 1; hearth --vers; make tset") == {
        "hearth serv", "hearth keys nwe", "hearth serve --prot", "hearth --vers", "make tset",
    }  # fmt: skip
    assert (
        unknown("hearth keys new app --scope predict | hearth verify --help; hearth --version; make unit; .hearth bin") == set()
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    """A path in a code span is in git or is what a stage writes; a relative link leads somewhere."""
    outs = [next(iter(out)) for stage in GRAPH.values() for kind in ("outs", "metrics") for out in stage.get(kind, [])]
    made = [*outs, "reports/nested.json", "reports/verdict.json", "reports/promotions.jsonl"]
    folders = {path.relative_to(ROOT).parts[0] for path in tracked()}  # and none that a service which ran here left
    top = "|".join(sorted(name for name in folders if not name.startswith(".")))
    paths = set(re.findall(rf"(?:^|\s)((?:{top})/[\w./-]+)", code_spans(PAGES[page]), re.MULTILINE))
    links = set(re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", PAGES[page]))
    assert paths or page != "README.md"
    beside = (ROOT / page).parent
    missing = {path for path in paths if not (ROOT / path).exists()} | {link for link in links if not (beside / link).exists()}
    assert {path for path in missing if not any(Path(path).is_relative_to(out) for out in made)} == set()


def test_the_stages_that_the_readme_explains_are_those_of_the_graph() -> None:
    """The table of stages has a line for each, in their order."""
    rows = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert rows == list(GRAPH)


def served_routes() -> dict[str, str | None]:
    """Every route of the service by method and path, and whose it is; not the files that pages are made of."""
    files = {"/favicon.ico", *(f"/docs/{name}" for name in ASSETS)}
    guards = main.guards(main.Hearth(Settings.model_construct(metrics_open=True))._routers)
    return {
        f"{method} {path}": guard.scope for path, guard in guards.items() if path not in files for method in guard.endpoints
    }


def test_the_routes_that_the_readme_names_are_those_of_the_service() -> None:
    """Each route is in the table, under the scope that it asks for, and the table has no other."""
    rows = re.findall(r"^\| ((?:`[A-Z]+ /[^`]*` ?)+) \| ([a-z ]+) \|", README, re.MULTILINE)
    told = {route: scope for routes, scope in rows for route in re.findall(r"`([^`]+)`", routes)}
    words = {None: "open", "": "any key"}
    assert told == {route: words.get(scope, scope) for route, scope in served_routes().items()}


def asking() -> list[str]:
    """The lines of the README that ask the service."""
    return [line for line in README.splitlines() if re.match(r"\$ (.* \| )?curl ", line)]


def test_what_the_readme_sends_keeps_the_contract() -> None:
    """In a fresh clone, as it stands: a row has what is required and nothing strange, the cut table has no target."""
    required = {name for name, feature in PARAMS["features"].items() if feature.get("required", True)}
    rows = [json.loads(row) for row in re.findall(r"'(\{\"RM\".*?\})'", README)]
    assert len(rows) == 2
    assert all(required <= set(row) <= set(PARAMS["features"]) for row in rows)
    (command,) = re.findall(r"\$ (.*) \| curl ", README)
    table = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(table) > 2
    assert required <= set(table[0].split(",")) <= set(PARAMS["features"])


def test_the_addresses_that_the_readme_asks_are_routes() -> None:
    """Each curl line goes to one, by POST since it sends something, and names a kind that the route reads."""
    lines = asking()
    asked = {re.sub(r".*://127\.0\.0\.1:8000(/\S*).*", r"POST \1", line) for line in lines}
    assert asked == {"POST /predict", "POST /predict/batch", "POST /feedback"}
    assert asked <= set(served_routes())
    assert all(re.search(r" (-d|--data-binary) ", line) for line in lines)


@pytest.mark.parametrize("page", PAGES)
def test_the_variables_that_a_page_names_are_settings(page: str) -> None:
    """Each ``HEARTH_`` variable is one that the service or the command reads."""
    named = set(re.findall(r"\bHEARTH_\w+", PAGES[page]))
    assert named or page != "README.md"
    assert named <= {*(f"HEARTH_{name.upper()}" for name in Settings.model_fields), *OTHERS}


def test_a_variable_that_is_no_setting_is_on_a_page() -> None:
    """It stands in no ``.env.example``."""
    assert {name for name in OTHERS if not any(name in text for text in PAGES.values())} == set()


@pytest.mark.parametrize("page", PAGES)
def test_the_routes_that_a_page_names_are_those_of_the_service(page: str) -> None:
    """``METHOD /path`` in a code span."""
    assert set(re.findall(r"`((?:GET|POST) /[^`]*)`", PAGES[page])) <= set(served_routes())


def test_the_readme_writes_keys_as_they_are_configured() -> None:
    """The example has the name, scopes and expiry of the command above it."""
    name, *scopes = re.findall(r"hearth keys new (\w+) --scope (\w+) --scope (\w+)", README)[0]
    assert set(scopes) <= set(SCOPES)
    assert f"HEARTH_API_KEYS={name}:{'+'.join(scopes)}:never:" in README


@pytest.fixture
def service(regression: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """The service over a tiny bundle, with a limit of two requests a minute."""
    for name in [name for name in os.environ if name.startswith("HEARTH_")]:
        monkeypatch.delenv(name)
    write(regression.bundle, tmp_path / "bundle")
    key = configured(tmp_path).api_keys.get_secret_value().replace("1000000/", "2/")
    with started(configured(tmp_path, api_keys=key)) as made:
        yield made


def test_the_headers_that_the_readme_names_are_sent_and_read(service: Started) -> None:
    """The key is read from its header, the others come with answers, and ``Retry-After`` with a refusal."""
    named = set(re.findall(r"`((?:X-)?[A-Z]\w+-[\w-]+|RateLimit)`", README)) | set(re.findall(r"-H [\"']([\w-]+):", README))
    assert named == {"Content-Type", "RateLimit", "RateLimit-Policy", "Retry-After", "X-API-Key", "X-Request-ID"}
    answers = [service.client.post("/predict", json=ROW, headers={"X-API-Key": KEY, "X-Request-ID": "mine"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    for name in named - {"X-API-Key", "Retry-After"}:
        assert all(name in answer.headers for answer in answers)
    assert "Retry-After" in answers[-1].headers
    assert answers[0].headers["X-Request-ID"] == "mine"
    assert answers[-1].headers["Content-Type"] in README


def test_the_limit_that_the_readme_names_is_the_default() -> None:
    """As many requests a minute."""
    (number,) = re.findall(r"(\d+) requests a minute", README)
    assert Settings.model_fields["rate_limit"].default == f"{number}/minute"


def test_the_readme_is_short() -> None:
    """It is read in one go."""
    assert len(README.splitlines()) <= 150


def test_text_in_git_has_unix_lines() -> None:
    """Every text file ends with a line feed and holds no carriage return."""
    found = texts()
    assert len(found) > 50
    assert [name for name, content in found.items() if b"\r" in content] == []
    assert [name for name, content in found.items() if content and not content.endswith(b"\n")] == []


def test_no_file_in_git_names_a_folder_of_a_machine() -> None:
    """Paths are relative."""
    machine = re.compile("|".join(re.escape(f"/{name}/") for name in ("work", "root", "tmp/lab", "home/runner")))
    found = {name: machine.search(content.decode("utf-8", "replace")) for name, content in texts().items()}
    assert [name for name, hit in found.items() if hit] == []


def test_no_file_in_git_is_large() -> None:
    """Git holds sources and small reports; what is larger is DVC's."""
    assert [path.name for path in tracked() if path.stat().st_size > 1_000_000] == []


def test_the_locks_pin_every_package_with_hashes_and_name_no_host() -> None:
    """Each requirement is one version with sums, from whatever index the user has."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert len(locks) >= 3
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        entries = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
        assert [
            entry for entry in entries if entry and not re.match(r"[\w.\[\]-]+==\S+[^\n]*\\\n.*--hash=sha256:", entry)
        ] == []
        assert "://" not in text
        assert "index-url" not in text
