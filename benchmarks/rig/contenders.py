"""The servers that are compared: the environment of each, how it is started, how it is asked.

Every server has one worker and one thread of computation, uvloop and httptools, and the booster of the bundle. Where a peer
has more than one way, the plain name is the one that its own guide shows, and ``-lean`` the quickest that we know of.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rig import dialects, environments
from benchmarks.rig.dialects import Dialect

APPS = Path(__file__).parent / "apps"
LIMIT = "999999999/minute"  # counts, and refuses nobody
QUICK = ("uvloop==0.23.0", "httptools==0.9.0")
XGBOOST = "xgboost-cpu==3.2.0"


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, and what is set beside it; ``headers`` go with each request."""

    command: Sequence[str | Path]
    settings: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """A server. ``prepare`` takes its environment, a folder of its own, the bundle and the port."""

    name: str
    about: str
    place: Callable[[], Path]
    packages: Sequence[str]
    prepare: Callable[[Path, Path, Path, int], Launch]
    one: Dialect
    health: str
    many: Dialect | None = None


def ours(level: str) -> Callable[[Path, Path, Path, int], Launch]:
    """Our service with keys, limits, validation, metrics and the store on; the level ``info`` logs each request as well."""

    def prepare(place: Path, folder: Path, bundle: Path, port: int) -> Launch:
        settings, headers = configured(folder, bundle, port)
        return Launch([place / "bin" / "hearth", "serve"], {**settings, "HEARTH_LOG_LEVEL": level}, headers)

    return prepare


def configured(folder: Path, bundle: Path, port: int) -> tuple[dict[str, str], dict[str, str]]:
    """Settings of our service, and the headers that a request then needs."""
    key = "hearth_" + secrets.token_urlsafe(32)
    line = f"benchmark:predict+feedback+monitor:never:{hashlib.sha256(key.encode()).hexdigest()}:{LIMIT}"
    settings = {
        "HEARTH_BUNDLE": str(bundle),
        "HEARTH_API_KEYS": line,
        "HEARTH_DATABASE_URL": f"sqlite:///{folder / 'hearth.db'}",
        "HEARTH_HOST": "127.0.0.1",
        "HEARTH_PORT": str(port),
    }
    return settings, {"X-API-Key": key}


def bare(place: Path, _folder: Path, bundle: Path, port: int) -> Launch:
    """The bare FastAPI endpoint, in our environment."""
    return Launch([place / "bin" / "python", APPS / "bare.py", bundle, str(port)])


def mlflow(signature: bool) -> Callable[[Path, Path, Path, int], Launch]:
    """``mlflow models serve`` in its own environment."""

    def prepare(place: Path, folder: Path, bundle: Path, port: int) -> Launch:
        script = APPS / "save_mlflow.py"
        environments.call(place / "bin" / "python", script, bundle, folder / "model", *(["--signature"] * signature))
        model = ("--model-uri", folder / "model", "--env-manager", "local", "--workers", "1")
        command: list[str | Path] = [place / "bin" / "mlflow", "models", "serve", *model]
        settings = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
        return Launch([*command, "--host", "127.0.0.1", "--port", str(port)], settings)

    return prepare


def bentoml(service: str) -> Callable[[Path, Path, Path, int], Launch]:
    """A BentoML service in its own environment."""

    def prepare(place: Path, folder: Path, bundle: Path, port: int) -> Launch:
        command: list[str | Path] = [place / "bin" / "bentoml", "serve", service, "--working-dir", APPS]
        settings = {"BUNDLE": str(bundle), "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "1"}
        return Launch([*command, "--host", "127.0.0.1", "--port", str(port)], settings)

    return prepare


def mlserver(place: Path, folder: Path, bundle: Path, port: int) -> Launch:
    """MLServer with its own XGBoost runtime, in the process that answers: its pool of workers does not start with uvloop."""
    shutil.copy(bundle / "model.ubj", folder / "model.ubj")
    runtime = {"implementation": "mlserver_xgboost.XGBoostModel", "parameters": {"uri": "./model.ubj"}}
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    settings = {"host": "127.0.0.1", **ports, "parallel_workers": 0, "debug": False}
    (folder / "model-settings.json").write_text(json.dumps({"name": "hearth", **runtime}), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return Launch([place / "bin" / "mlserver", "start", folder])


def peer(name: str, *requirements: str) -> Callable[[], Path]:
    """The environment of a peer."""
    return lambda: environments.environment(name, (*requirements, *QUICK))


OURS, LOGGED, BARE = "hearth", "hearth-logged", "bare FastAPI"
SERVICE = ("fastapi", "uvicorn", "xgboost-cpu")
MLFLOW = peer("mlflow", "mlflow==3.17.2", XGBOOST)
BENTOML = peer("bentoml", "bentoml==1.4.39", XGBOOST)
MLSERVER = peer("mlserver", "mlserver==1.7.1", "mlserver-xgboost==1.7.1", "xgboost==3.2.0")
MLFLOW_SEEN, BENTOML_SEEN = ("mlflow", "xgboost-cpu", "uvicorn"), ("bentoml", "xgboost-cpu", "uvicorn")
CONTENDERS = (
    Contender(
        OURS,
        "keys, limits, validation, metrics and the store on (SQLite), no access log; raw rows",
        environments.service,
        SERVICE,
        ours("warning"),
        dialects.OURS,
        "/health",
        dialects.OURS_MANY,
    ),
    Contender(
        LOGGED,
        "the same with its access log, as by default",
        environments.service,
        SERVICE,
        ours("info"),
        dialects.OURS,
        "/health",
    ),
    Contender(BARE, "checks the row, returns a constant", environments.service, SERVICE, bare, dialects.BARE, "/health"),
    Contender(
        "mlflow",
        "`mlflow models serve`, a model with a signature; scaled rows",
        MLFLOW,
        MLFLOW_SEEN,
        mlflow(signature=True),
        dialects.MLFLOW,
        "/ping",
        dialects.MLFLOW,
    ),
    Contender(
        "mlflow-lean",
        "the same without a signature: nothing is checked; scaled rows",
        MLFLOW,
        MLFLOW_SEEN,
        mlflow(signature=False),
        dialects.MLFLOW,
        "/ping",
        dialects.MLFLOW,
    ),
    Contender(
        "bentoml",
        "as its XGBoost example: an array in and out, DMatrix; scaled rows",
        BENTOML,
        BENTOML_SEEN,
        bentoml("bento:Guide"),
        dialects.BENTOML,
        "/livez",
    ),
    Contender(
        "bentoml-lean",
        "async, `inplace_predict`, no access log; raw rows, scaled by the service",
        BENTOML,
        BENTOML_SEEN,
        bentoml("bento:Lean"),
        dialects.BENTOML_LEAN,
        "/livez",
    ),
    Contender(
        "mlserver",
        "its XGBoost runtime, V2 protocol, parallel_workers 0; scaled rows",
        MLSERVER,
        ("mlserver", "xgboost", "uvicorn"),
        mlserver,
        dialects.MLSERVER,
        "/v2/health/ready",
        dialects.MLSERVER,
    ),
)
