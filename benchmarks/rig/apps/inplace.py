"""Print how many rows per CPU second ``inplace_predict`` answers in process, one thread. Runs in the service's environment.

Arguments: the bundle, a ``.npy`` of rows as the booster sees them, seconds.
"""

import sys
import time
from pathlib import Path

import numpy as np
import xgboost as xgb


def main() -> None:
    """Predict the matrix again and again."""
    booster = xgb.Booster(model_file=Path(sys.argv[1]) / "model.ubj")
    booster.set_param({"nthread": 1})
    rows, seconds = np.load(sys.argv[2]), float(sys.argv[3])
    booster.inplace_predict(rows)
    start, calls = time.process_time(), 0
    while time.process_time() < start + seconds:
        booster.inplace_predict(rows)
        calls += 1
    print(calls * len(rows) / (time.process_time() - start))


if __name__ == "__main__":
    main()
