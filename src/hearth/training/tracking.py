"""MLflow: a log beside DVC, never read by a stage. One run an experiment."""

import json
import logging
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.telemetry import set_telemetry_client
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType
from sqlalchemy.exc import SQLAlchemyError

import hearth
from hearth.bundle.format import Bundle, write
from hearth.bundle.predictor import Predictor
from hearth.errors import TrackingError
from hearth.params import TrackingParams
from hearth.schema import Feature, FeatureType
from hearth.training.experiment import read_candidates
from hearth.training.pyfunc import BundleModel

# Of numbers MLflow's type would refuse int64 for "double" and gaps for "long": the predictor is left to say what is none.
COLUMN_TYPES: Mapping[FeatureType, AnyType | DataType] = {
    "number": AnyType(),
    "integer": AnyType(),
    "category": DataType.string,
    "boolean": DataType.boolean,
}
CHAMPION, CHALLENGER = "champion", "challenger"  # aliases in the registry
Measured = Mapping[str, Mapping[str, Mapping[str, float | None]]]  # figures of a contender by kind, metric and part
# Metrics that MLflow takes at once.
BATCH = 1000
# Of the environment while MLflow works, unless it says otherwise: no reports to its makers, no bars, no minutes of retries.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


def log_build(
    tracking: TrackingParams, bundles: Mapping[str, Bundle], experiments: Path, reports: Path, digest: str, model: str
) -> None:
    """Log each experiment: parameters, every candidate's score, metrics, figures, the model; tagged with the digest.

    The winner's model is then a version of ``model`` in the registry, once a digest, and the challenger if not the champion.

    Raises:
        TrackingError: MLflow cannot be reached, or refuses.
    """
    with connected(tracking.uri, "The bundle is written; mend the URI or set tracking.enabled: false.") as client:
        experiment = _experiment(tracking)
        metrics = json.loads((reports / "metrics.json").read_text(encoding="utf-8")) if bundles else {}
        for name, bundle in bundles.items():
            tags = {"bundle": digest, "winner": metrics["winner"], "data": _part(bundle, "data")["sha256"], "commit": commit()}
            logged = _log_run(experiment, name, bundle, (experiments / name, reports), metrics[name], tags)
            if name == metrics["winner"]:
                _register(client, model, logged, {"digest": digest, "data": tags["data"], "commit": tags["commit"]})


@contextmanager
def connected(uri: str, hint: str) -> Iterator[mlflow.MlflowClient]:
    """MLflow at a URI, kept quiet.

    Raises:
        TrackingError: it cannot be reached, or refuses; the message ends with the hint.
    """
    try:
        with _quiet():
            mlflow.set_tracking_uri(uri)
            yield mlflow.MlflowClient()
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:  # ImportError: the driver of a database
        raise TrackingError(f"MLflow at {uri} failed: {error}. {hint}") from error


def _register(client: mlflow.MlflowClient, model: str, logged: ModelInfo, tags: Mapping[str, str]) -> None:
    try:
        aliases = client.get_registered_model(model).aliases
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        aliases = client.create_registered_model(model).aliases
    found = client.search_model_versions(f"name = '{model}' and tag.digest = '{tags['digest']}'")
    version = min((int(one.version) for one in found), default=None)
    if version is None:
        ids = {"run_id": logged.run_id, "model_id": logged.model_id}
        version = int(client.create_model_version(model, logged.model_uri, tags=dict(tags), **ids).version)
    if str(version) != str(aliases.get(CHAMPION)):
        client.set_registered_model_alias(model, CHALLENGER, str(version))


def _experiment(tracking: TrackingParams) -> str:
    found = mlflow.get_experiment_by_name(tracking.experiment)
    if found is not None:
        return str(found.experiment_id)
    artifacts = tracking.artifacts if "://" in tracking.artifacts else Path(tracking.artifacts).resolve().as_uri()
    return str(mlflow.create_experiment(tracking.experiment, artifact_location=artifacts))


def _log_run(
    experiment: str, name: str, bundle: Bundle, folders: tuple[Path, Path], measured: Measured, tags: Mapping[str, str]
) -> ModelInfo:
    folder, reports = folders
    with mlflow.start_run(experiment_id=experiment, run_name=name) as run:
        client, scores = mlflow.MlflowClient(), [*_scores(measured), *_candidates(folder)]
        client.log_batch(
            run.info.run_id,
            params=[Param(key, str(value)) for key, value in _settings(bundle).items()],
            tags=[RunTag(key, str(value)) for key, value in tags.items()],
        )
        for start in range(0, len(scores), BATCH):
            client.log_batch(run.info.run_id, metrics=scores[start : start + BATCH])
        mlflow.log_artifacts(str(folder), "experiment")
        figures = reports / "figures" / ("select" if name == "select" else "evaluate")
        mlflow.log_artifacts(str(figures), "figures")
        return _log_model(bundle)


def _part(bundle: Bundle, name: str) -> Mapping[str, Any]:
    part: Any = bundle.metadata[name]
    return dict(part)


def _settings(bundle: Bundle) -> dict[str, object]:
    recipe = _part(bundle, "recipe")
    return {
        "rounds": recipe["rounds"],
        "percentile": recipe["percentile"],
        **recipe["params"],
        "features": len(bundle.transform.features),
    }


def _scores(measured: Measured) -> list[Metric]:
    """The figures of a contender; null, which is no number (R2 without a spread), is left out."""
    cv = {f"cv_{name}_{part}": value for name, parts in measured["cv"].items() for part, value in parts.items()}
    test = {f"test_{name}": parts["value"] for name, parts in measured["test"].items()}
    return [Metric(name, value, now(), 0) for name, value in {**cv, **test}.items() if value is not None]


def _candidates(folder: Path) -> list[Metric]:
    """The score of every candidate as a series, its number as the step."""
    return [Metric("candidate_score", value, now(), step) for step, value in enumerate(read_candidates(folder))]


def _log_model(bundle: Bundle) -> ModelInfo:
    example = _example(bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle"
        write(bundle, path)
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module="hearth.training.pyfunc",
            data_path=str(path),
            code_paths=[str(Path(hearth.__file__).parent)],
            signature=_signature(bundle, BundleModel(Predictor.load(path)).predict(example)),
            input_example=example,
            pip_requirements=[f"{name}=={version}" for name, version in _requirements(bundle)],
        )


def _requirements(bundle: Bundle) -> Iterator[tuple[str, object]]:
    versions = _part(bundle, "versions")
    packages = {"numpy": "numpy", "scipy": "scipy", "xgboost": "xgboost-cpu"}
    yield from ((packages[name], version) for name, version in versions.items() if name in packages)
    yield "pandas", pd.__version__


def _example(bundle: Bundle) -> pd.DataFrame:
    """The probe's rows as raw features."""
    columns = {feature.name: _raw(feature, bundle.probe_rows[:, i]) for i, feature in enumerate(bundle.contract.used)}
    return pd.DataFrame(columns)


def _raw(feature: Feature, coded: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[object]:
    if feature.type == "category":
        return [None if np.isnan(code) else feature.values[int(code)] for code in coded]
    if feature.type == "boolean":
        return [None if np.isnan(code) else bool(code) for code in coded]
    return list(coded)


def _signature(bundle: Bundle, answer: pd.DataFrame) -> ModelSignature:
    inputs = [ColSpec(COLUMN_TYPES[one.type], one.name, required=one.required and one.use) for one in bundle.contract.features]
    outputs = [ColSpec("double" if answer[name].dtype == np.float64 else "string", str(name)) for name in answer.columns]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def now() -> int:
    """Milliseconds since 1970, as MLflow counts them."""
    return time.time_ns() // 1_000_000


def commit() -> str:
    """The commit of this checkout, with a mark where it was changed; ``none`` outside a repository."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude", "*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return "none"
    return found.stdout.strip() or "none"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's advice, its reports home and the deprecations of its own dependencies off the build."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    added = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    os.environ.update(added)
    set_telemetry_client()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in added:
            del os.environ[name]
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
