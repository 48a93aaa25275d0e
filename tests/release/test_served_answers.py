"""The champion that MLflow loads and the service answer alike."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from tests.api.asking import KEY, configured, started
from tests.tiny import KINDS, Kind, cells, checkout, export_arguments

from hearth.bundle import verify
from hearth.params import Params
from hearth.release.registry import Registry

pytestmark = [  # of MLflow's own
    pytest.mark.journey,
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]


@pytest.fixture(params=[kind for kind in KINDS if kind != "binary"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Kind, Params]]:
    """A build that was logged and registered, and its bundle."""
    before = mlflow.get_tracking_uri()
    where = {"enabled": True, "uri": "sqlite:///mlflow.db", "artifacts": "runs", "experiment": "tiny"}
    settings = checkout(tmp_path, request.param, tracking=where)
    for folder in ("evaluate", "select"):
        (tmp_path / "reports/figures" / folder).mkdir(parents=True)
    command = [sys.executable, "-m", "hearth.stages", "export", *export_arguments(tmp_path, "bundle")]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    yield request.param, settings
    mlflow.set_tracking_uri(before)


def test_the_champion_of_mlflow_answers_raw_features_as_the_service_does(
    built: tuple[Kind, Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Number for number, with intervals or probabilities, gaps and all."""
    kind, settings = built
    monkeypatch.delenv("HEARTH_BUNDLE", raising=False)
    registry = Registry.of(tmp_path, settings)
    assert registry.crown(verify(tmp_path / "bundle")) == "champion is now version 1"
    frame = pd.DataFrame(cells(kind, rows=20, seed=3)).drop(columns=["y", "w"])
    said = mlflow.pyfunc.load_model("models:/hearth@champion").predict(frame).to_dict(orient="records")

    rows = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    with started(configured(tmp_path)) as service:
        answers = [service.client.post("/predict", json=row, headers={"X-API-Key": KEY}).json() for row in rows]
    assert said == [flat(answer) for answer in answers]


def flat(answer: dict[str, object]) -> dict[str, object]:
    """An answer of the service as a row of the model's."""
    probabilities, interval = answer.get("probabilities"), answer.get("interval")
    if isinstance(probabilities, dict):
        return {"prediction": answer["prediction"], **{f"probability_{name}": one for name, one in probabilities.items()}}
    assert isinstance(interval, dict)
    return {"prediction": answer["prediction"], "lower": interval["lower"], "upper": interval["upper"]}
