"""The contract between training and serving: a folder of JSON, UBJSON and arrays, and what answers from it.

Needs numpy and XGBoost's library, nothing heavier: of XGBoost's Python nothing is imported.
"""

from hearth.bundle.format import FORMAT_VERSION, Bundle, read, verify, write
from hearth.bundle.intervals import Conformal
from hearth.bundle.predictor import Explanation, Prediction, Predictor
from hearth.bundle.rows import Fault, RowError, code_rows
from hearth.bundle.trained import Trained
from hearth.bundle.transform import Transform

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "Conformal",
    "Explanation",
    "Fault",
    "Prediction",
    "Predictor",
    "RowError",
    "Trained",
    "Transform",
    "code_rows",
    "read",
    "verify",
    "write",
]
