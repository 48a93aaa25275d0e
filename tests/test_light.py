"""What serving imports stays light: proved from the source, since a look at what is loaded proves it of one run alone."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "src", ROOT)  # of hearth, of api
LIGHT = {"numpy", "simpleeval"}  # and the library of XGBoost, without its Python
SERVING = LIGHT | {
    "alembic", "fastapi", "httptools", "msgspec", "nanoarrow", "prometheus_client", "pydantic", "pydantic_settings", "redis",
    "sqlalchemy", "starlette", "uvicorn",
}  # fmt: skip


def file_of(module: str) -> Path | None:
    """The source of a first-party module."""
    if module.partition(".")[0] not in ("hearth", "api"):
        return None
    paths = [source.joinpath(*module.split(".")) for source in SOURCES]
    return next((each for path in paths for each in (path / "__init__.py", path.with_suffix(".py")) if each.is_file()), None)


def imported(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, at any depth, and each name that may be a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if file_of(f"{node.module}.{alias.name}"))


def reached(*modules: str) -> tuple[set[str], set[str]]:
    """First-party modules, packages on the way included, and top-level packages of others that modules import."""
    ours, others, waiting = set[str](), set[str](), list(modules)
    while waiting:
        module = waiting.pop()
        path = file_of(module)
        if path is None:
            others.add(module.partition(".")[0])
        elif module not in ours:
            ours.add(module)
            waiting += [*imported(path), *([module.rpartition(".")[0]] if "." in module else [])]
    return ours, others - set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("hearth.errors", set[str]()),
        ("hearth.schema", set[str]()),
        ("hearth.artifacts", set[str]()),
        ("hearth.imports", set[str]()),
        ("hearth.bundle", LIGHT),
        ("hearth.bundle.explained", LIGHT),
        ("api.main", SERVING),
        ("api.server", SERVING),
        ("api.keys_command", SERVING),
        ("api.store.migrations.env", SERVING),
    ],
)
def test_what_serving_imports_is_light(module: str, allowed: set[str]) -> None:
    """The standard library, and for the bundle numpy; nothing heavier at any depth, XGBoost's Python and scipy neither."""
    ours, others = reached(module)
    assert module in ours
    assert others <= allowed


def test_every_module_of_the_bundle_is_light() -> None:
    """Also one that nothing imports yet."""
    modules = [f"hearth.bundle.{path.stem}" for path in (ROOT / "src" / "hearth" / "bundle").glob("*.py")]
    assert len(modules) > 5
    assert reached(*modules)[1] <= LIGHT


def test_the_bundle_knows_nothing_of_what_stands_above_it() -> None:
    """Of hearth it reaches errors, schema, expressions, artifacts and itself."""
    ours, _ = reached("hearth.bundle")
    assert {name for name in ours if not name.startswith("hearth.bundle")} == {
        "hearth",
        "hearth.artifacts",
        "hearth.errors",
        "hearth.expressions",
        "hearth.schema",
    }


def test_the_service_knows_no_part_of_the_pipeline() -> None:
    """Of hearth; not settings of the pipeline, not its command, not training."""
    modules = [str(path.relative_to(ROOT).with_suffix("")).replace("/", ".") for path in (ROOT / "api").rglob("*.py")]
    named = {name for module in modules for name in imported(ROOT / f"{module.replace('.', '/')}.py")}
    of_hearth = {".".join(name.split(".")[:2]) for name in named if name.partition(".")[0] == "hearth"}
    assert of_hearth == {"hearth", "hearth.bundle", "hearth.errors", "hearth.schema", "hearth.separators"}


def test_the_walk_sees_what_is_heavy() -> None:
    """Else the tests above would pass for nothing."""
    assert {"pyarrow", "tqdm"} <= reached("hearth.scoring")[1]
    assert "pydantic" in reached("hearth.params")[1]
