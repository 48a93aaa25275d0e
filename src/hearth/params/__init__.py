"""``params.yaml`` as frozen, typed settings. Read once; an unknown key or a contradiction is a ``ParamsError``."""

from hearth.params.data import (
    BundledSource,
    CsvSource,
    DataParams,
    FeatureParams,
    KaggleSource,
    OpenmlSource,
    ParquetSource,
    SqlSource,
)
from hearth.params.frozen import Frozen
from hearth.params.reading import load, parse
from hearth.params.report import CardParams, EvaluateParams, GroupParams
from hearth.params.service import Aim, ExportParams, MonitoringParams, ReleaseParams, ThresholdParams, TrackingParams
from hearth.params.training import ClassWeight, FixedParams, PrepareParams, Range, SelectionParams, TuningParams
from hearth.params.whole import Params

__all__ = [
    "Aim",
    "BundledSource",
    "CardParams",
    "ClassWeight",
    "CsvSource",
    "DataParams",
    "EvaluateParams",
    "ExportParams",
    "FeatureParams",
    "FixedParams",
    "Frozen",
    "GroupParams",
    "KaggleSource",
    "MonitoringParams",
    "OpenmlSource",
    "Params",
    "ParquetSource",
    "PrepareParams",
    "Range",
    "ReleaseParams",
    "SelectionParams",
    "SqlSource",
    "ThresholdParams",
    "TrackingParams",
    "TuningParams",
    "load",
    "parse",
]
