"""Save the bundle's booster as an MLflow model. Runs in MLflow's environment.

Arguments: the bundle, the folder to make, ``--signature`` for a model that checks what it gets.
"""

import json
import sys
from pathlib import Path

import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost as xgb
from mlflow.models import infer_signature


def main() -> None:
    """Read and save."""
    bundle, out = map(Path, sys.argv[1:3])
    names = json.loads((bundle / "transform.json").read_text())["features"]
    booster = xgb.Booster(model_file=bundle / "model.ubj")
    booster.feature_names = names
    rows = pd.DataFrame(np.zeros((2, len(names))), columns=names)
    signature = infer_signature(rows, np.zeros(2, np.float32)) if "--signature" in sys.argv else None
    mlflow.xgboost.save_model(booster, out, signature=signature, pip_requirements=["xgboost-cpu"])


if __name__ == "__main__":
    main()
