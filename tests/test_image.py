"""The image, the composition around it and its alerts: what can be told of them without a container engine."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from api.main import Hearth, guards
from api.metrics import Metrics
from api.settings import Settings, load
from api.store.store import CLOSE_WAIT
from hearth.cli import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
ALERTS = (ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8")
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"
VARIABLES = {f"HEARTH_{name.upper()}" for name in Settings.model_fields}
BUILT = ("models/production", "reports/index.html", "reports/eda.html")  # what a stage writes: not in a fresh clone


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, in order: word and the rest, continued lines as one."""
    lines = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    found: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found[rest.split(" AS ")[1]] = []
        list(found.values())[-1].append((word, " ".join(rest.split())))
    return found


STAGES = stages()


def said(stage: str, word: str) -> list[str]:
    """What a stage says with one instruction."""
    return [rest for found, rest in STAGES[stage] if found == word]


def ignored(path: str) -> bool:
    """Whether ``.dockerignore`` keeps a path from the builder: the last line that matches it, or a folder above it, decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        parts = path.split("/")
        above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        deep = pattern.removeprefix("**/")
        hit = any(one.count("/") == pattern.count("/") and fnmatchcase(one, pattern) for one in above)
        if line and not line.startswith("#") and (hit or (deep != pattern and any(fnmatchcase(one, deep) for one in parts))):
            verdict = not line.startswith("!")
    return verdict


def tracked() -> list[str]:
    """The files in git."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in told.split("\0") if name]


def test_the_service_is_what_a_plain_build_makes() -> None:
    """The last stage is the service; the other one that runs is the pipeline."""
    assert list(STAGES)[-1] == "runtime"
    assert [name for name in STAGES if said(name, "ENTRYPOINT")] == ["train", "runtime"]


def test_nothing_is_installed_where_the_service_runs() -> None:
    """No package manager runs in its stage: compilers, caches and tools stay in those that are thrown away."""
    assert said("runtime", "FROM") == ["base AS runtime"]
    assert said("base", "FROM") == ["python:3.11-slim AS base"]
    assert not re.search(r"\b(apt-get|pip|uv|curl|wget)\b", " ".join(said("runtime", "RUN")))
    assert [copy.split()[0] for copy in said("runtime", "COPY") if copy.startswith("--from")] == ["--from=serve"]
    assert not said("runtime", "ADD")


@pytest.mark.parametrize("stage", ["tools", "serve", "pipeline"])
def test_every_package_is_installed_by_its_hash(stage: str) -> None:
    """From a lock; our own package takes none with it, and what builds it comes by its hash too."""
    commands = [part for run in said(stage, "RUN") for part in run.split("&&")]
    installs = [part for part in commands if " install " in part]
    assert installs
    assert [part for part in installs if "--require-hashes" not in part and "--no-deps" not in part] == []
    assert [part for part in commands if "uv build" in part and "--require-build-hashes" not in part] == []


def test_the_service_runs_as_a_numbered_user_and_is_signalled_itself() -> None:
    """A number, so that a cluster can tell it is not root; no shell between the engine and the process."""
    assert said("runtime", "USER") == ["10001:10001"]
    assert said("runtime", "STOPSIGNAL") == ["SIGTERM"]
    command = [*json.loads(said("runtime", "ENTRYPOINT")[0]), *json.loads(said("runtime", "CMD")[0])]
    assert command == ["hearth", "serve"]
    assert command[1] in getattr(get_command(app), "commands", {})


@pytest.mark.parametrize(("code", "calls"), [(0, ["-m hearth.release.mending", "repro"]), (3, ["-m hearth.release.mending"])])
def test_the_pipeline_builds_on_a_lock_that_was_mended(tmp_path: Path, code: int, calls: list[str]) -> None:
    """A container that was killed may leave a broken one; what cannot be mended is not built on."""
    for name, ends in (("python", code), ("dvc", 0)):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@"\nexit {ends}\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    command = [*json.loads(said("train", "ENTRYPOINT")[0]), *json.loads(said("train", "CMD")[0])]
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (code, calls)


def test_the_service_writes_to_one_place() -> None:
    """Its store and its temporary files lie in the volume; root owns everything else."""
    environment = dict(part.split("=", 1) for env in said("runtime", "ENV") for part in env.split())
    assert said("runtime", "VOLUME") == ["/var/lib/hearth"]
    assert environment["TMPDIR"] == "/var/lib/hearth"
    assert environment["HEARTH_DATABASE_URL"].startswith("sqlite:////var/lib/hearth/")
    assert {name for name in environment if name.startswith("HEARTH_")} <= VARIABLES
    assert "--chown" not in " ".join(said("runtime", "COPY"))


def test_no_image_comes_with_a_key() -> None:
    """Without one the service does not start."""
    assert not re.search(r"API_KEYS|PASSWORD|SECRET|TOKEN", DOCKERFILE)


def test_what_is_copied_is_there() -> None:
    """Each source is in git, at least in part, and ``.dockerignore`` lets it through: a fresh clone builds."""
    sent = [name for name in tracked() if not ignored(name)]
    copies = [copy.split()[:-1] for name in STAGES for copy in said(name, "COPY") if not copy.startswith("--from")]
    sources = {source for copy in copies for source in copy} - {"."}
    assert len(sources) > 8
    assert [source for source in sources if not any(name == source or name.startswith(f"{source}/") for name in sent)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".dvc/cache/x",
        ".dvc/config.local",
        ".env",
        ".git/config",
        ".venv/bin/python",
        "data/raw/table.csv",
        "deploy/alerts.yml",
        "keys.txt",
        "mlflow.db",
        "models/experiments/x/model.ubj",
        "src/hearth/__pycache__/params.pyc",
        "var/hearth.db",
    ],
)
def test_the_builder_is_not_sent_what_is_none_of_its_business(path: str) -> None:
    """Secrets, stores, data, caches."""
    assert ignored(path)


@pytest.mark.parametrize(
    "path", [*BUILT, "models/production/model.ubj", "data/bundled/boston.csv", "dvc.lock", "src/hearth/cli/__init__.py"]
)
def test_the_builder_is_sent_what_it_needs(path: str) -> None:
    """The bundle and the reports where they were built, the package, the graph."""
    assert not ignored(path)


def test_the_exceptions_of_the_ignore_file_lead_somewhere() -> None:
    """A line for a file that is gone is taken out."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    paths = [line.removeprefix("!") for line in lines if line.startswith("!")]
    names = tracked()
    gone = [path for path in paths if not any(name == path or name.startswith(f"{path}/") for name in names)]
    assert set(gone) <= set(BUILT)


@pytest.fixture
def port() -> Iterator[int]:
    """A server of which the first answer is 200 and the second 503."""

    class Handler(BaseHTTPRequestHandler):
        statuses: Iterator[int] = iter((200, 503))

        def do_GET(self) -> None:
            self.send_response(next(self.statuses) if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def checked(port: int) -> int:
    """Exit code of the health check, run as the image runs it."""
    (check,) = said("runtime", "HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[0] == "python"
    environment = {**os.environ, "HEARTH_PORT": str(port)}
    return subprocess.run([sys.executable, *command[1:]], cwd=HEALTHCHECK.parent, env=environment, check=False).returncode


def test_the_health_check_tells_alive_from_not(port: int) -> None:
    """Exit code 0 for an answer of 200, 1 for another and for none; it needs no package."""
    assert (checked(port), checked(port)) == (0, 1)
    assert checked(1) == 1
    assert f"deploy/{HEALTHCHECK.name} ./" in said("runtime", "COPY")


def test_the_health_check_asks_the_port_that_the_service_takes() -> None:
    """Also where Kubernetes puts the address of a Service called hearth in its place."""
    port = runpy.run_path(str(HEALTHCHECK))["port"]
    for given in ("tcp://10.96.0.1:9", "8001"):
        assert port(given) == load(port=given).port


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_contained(name: str) -> None:
    """No privilege, nothing written but to volumes and memory, limits of its own, logs that end."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service.get("user") not in {"root", "0"}


@pytest.mark.parametrize("name", [name for name in SERVICES if "profiles" not in SERVICES[name]])
def test_every_lasting_service_is_watched_and_restarted(name: str) -> None:
    """It has a health check; who depends on it waits for that where it matters."""
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"
    for other in SERVICES[name].get("depends_on", {}):
        assert "healthcheck" in SERVICES[other]


def test_the_services_are_those_of_the_design() -> None:
    """The pipeline is asked for by its profile and does not start with the others."""
    assert set(SERVICES) == {"api", "postgres", "redis", "mlflow", "prometheus", "train"}
    assert {name: SERVICES[name]["profiles"] for name in SERVICES if "profiles" in SERVICES[name]} == {"train": ["train"]}
    targets = {name: SERVICES[name]["build"]["target"] for name in SERVICES if "build" in SERVICES[name]}
    assert targets == {"api": "runtime", "mlflow": "train", "train": "train"}
    assert [name for name in SERVICES if "build" not in SERVICES[name] and ":" not in SERVICES[name]["image"]] == []


def test_only_this_machine_reaches_the_services() -> None:
    """Every port is of the loopback; the database and Redis have none."""
    ports = {name: SERVICES[name].get("ports", []) for name in SERVICES}
    assert [port for several in ports.values() for port in several if not port.startswith("127.0.0.1:")] == []
    assert ports["postgres"] == ports["redis"] == []


def test_no_secret_has_a_default() -> None:
    """Whatever is called a key or a password comes from outside, and compose refuses to start without it."""
    used = re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE_TEXT)
    secret = {name for name, _ in used if re.search(r"KEY|PASSWORD|SECRET|TOKEN", name)}
    assert secret == {"HEARTH_API_KEYS", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert [name for name, rest in used if name in secret and not rest.startswith(":?")] == []
    values = {name: value for service in SERVICES.values() for name, value in service.get("environment", {}).items()}
    named = {value for name, value in values.items() if re.search(r"KEY|PASSWORD|SECRET|TOKEN", name)}
    assert [value for value in named if not value.startswith("${")] == []


def test_every_variable_of_the_composition_is_in_the_example() -> None:
    """A person fills one file."""
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE_TEXT))
    assert used <= set(re.findall(r"^#(\w+)=", EXAMPLE, re.MULTILINE))


def test_the_composition_starts_the_service_with_settings_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable is a setting; with the defaults filled in and the secrets given, none is refused."""
    for name in [name for name in os.environ if name.startswith("HEARTH_")]:
        monkeypatch.delenv(name)
    given: dict[str, str] = SERVICES["api"]["environment"]
    assert {name for name in given if name != "TMPDIR"} <= VARIABLES
    for name, value in given.items():
        filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:\?[^}]*\}", "given", filled))
    settings = load()
    assert settings.workers == 2
    assert settings.redis_url is not None
    assert "given" in settings.redis_url.get_secret_value()


def test_every_setting_of_the_example_reaches_the_service_of_the_composition() -> None:
    """But those that the example marks: the composition decides them, or the service refuses them beside what it was given."""
    api = SERVICES["api"]
    assert api["env_file"] == [{"path": ".env", "required": False}]
    fixed = {name for name, value in api["environment"].items() if f"${{{name}" not in value} & VARIABLES
    (published,) = api["ports"]
    assert published == f"127.0.0.1:${{HEARTH_PORT:-8000}}:{api['environment']['HEARTH_PORT']}"
    marked = set(re.findall(r"^# .*\[not compose\]\n#(\w+)=", EXAMPLE, re.MULTILINE))
    assert marked == fixed - {"HEARTH_PORT"} | {"HEARTH_API_KEYS_FILE"}
    assert "HEARTH_API_KEYS" not in fixed


def test_the_composition_lets_the_service_stop_by_itself() -> None:
    """By default it is killed only after a last answer may have taken its time and the store its own."""
    grace = SERVICES["api"]["stop_grace_period"]
    assert f"#{re.sub(r'[${}]', '', grace).replace(':-', '=')}\n" in EXAMPLE
    settings = Settings.model_fields
    server = settings["timeout"].default + 1
    assert int(re.findall(r"(\d+)s", grace)[0]) > settings["drain"].default + server + CLOSE_WAIT


def test_volumes_are_declared_and_mounted_files_are_there() -> None:
    """A name is a volume, a path is in this repository."""
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount[0] for mount in mounts if not mount[0].startswith(".")}
    assert named == set(COMPOSE["volumes"])
    assert [mount[0] for mount in mounts if mount[0].startswith(".") and not (ROOT / mount[0]).exists()] == []


def series() -> set[str]:
    """The name of every series that the service exposes."""
    kinds = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {family.name + ending for family in Metrics().registry.collect() for ending in kinds[family.type]}


def test_the_alerts_watch_series_that_there_are() -> None:
    """A rule on a name that nobody exposes never fires."""
    used = set(re.findall(r"\b(?:hearth|http)_\w+", ALERTS))
    assert {"hearth_store_up", "hearth_store_backlog", "hearth_limits_local", "http_requests_total"} <= used
    assert used <= series()


def test_the_alerts_ask_for_labels_that_there_are() -> None:
    """Routes are the service's, and so are variables and commands that the texts name."""
    rules = yaml.safe_load(ALERTS)["groups"][0]["rules"]
    routes = set(re.findall(r'route="([^"]+)"', ALERTS))
    known = set(guards(Hearth(load())._routers))
    assert routes
    assert routes <= known
    assert set(re.findall(r"HEARTH_\w+", ALERTS)) <= VARIABLES
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}
    assert all(set(rule["annotations"]) == {"summary", "action"} for rule in rules)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_its_files() -> None:
    """Configuration and rules, by Prometheus's own judgement."""
    done = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=ROOT / "deploy", capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_check_of_the_serving_environment_sees_what_is_of_training() -> None:
    """In this environment, which holds everything, it finds it and fails."""
    command = [sys.executable, str(ROOT / "deploy" / "serve_check.py"), "pure"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pandas" in done.stdout
