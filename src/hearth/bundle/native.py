"""XGBoost's documented C functions, as far as a booster that is trained is asked.

Its Python asks the same functions, and imports scipy.sparse for matrices that nobody has here: 15 MB of every worker and 0.2 s
of every start, and where pandas and scikit-learn are installed these too. Source: https://xgboost.readthedocs.io/en/stable/c.html
"""

import ctypes
import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hearth.bundle.transform import Matrix

Singles = NDArray[np.float32]
_POINTER, _TEXT, _NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64
_TYPES = {
    "XGBGetLastError": (),
    "XGBoostVersion": (_POINTER, _POINTER, _POINTER),
    "XGBoosterCreate": (_POINTER, _NUMBER, _POINTER),
    "XGBoosterFree": (_POINTER,),
    "XGBoosterGetNumFeature": (_POINTER, _POINTER),
    "XGBoosterLoadModelFromBuffer": (_POINTER, _TEXT, _NUMBER),
    "XGBoosterPredictFromDMatrix": (_POINTER, _POINTER, _TEXT, _POINTER, _POINTER, _POINTER),
    "XGBoosterPredictFromDense": (_POINTER, _TEXT, _TEXT, _POINTER, _POINTER, _POINTER, _POINTER),
    "XGBoosterSaveModelToBuffer": (_POINTER, _TEXT, _POINTER, _POINTER),
    "XGBoosterSetParam": (_POINTER, _TEXT, _TEXT),
    "XGDMatrixCreateFromDense": (_POINTER, _TEXT, _POINTER),
    "XGDMatrixFree": (_POINTER,),
}
_VALUE, _MARGIN, _CONTRIBUTIONS = 0, 1, 2  # of the key "type" of a prediction


class NativeError(ValueError):
    """What XGBoost says went wrong."""


class Handled(Protocol):
    """A booster: one of these, or one of XGBoost's Python."""

    handle: ctypes.c_void_p


class Booster:
    """A booster read from UBJSON or JSON; ``threads`` bounds those of one prediction.

    Raises:
        NativeError: XGBoost cannot read it.
    """

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        self.handle = ctypes.c_void_p()
        if not model:
            raise NativeError("an empty model")  # at which XGBoost would end the process
        _call("XGBoosterCreate", None, 0, ctypes.byref(self.handle))
        _call("XGBoosterLoadModelFromBuffer", self.handle, model, len(model))
        if threads:
            _call("XGBoosterSetParam", self.handle, b"nthread", str(threads).encode())

    def __del__(self) -> None:
        """Let go of its memory."""
        if self.handle.value:
            _library().XGBoosterFree(self.handle)


def version() -> str:
    """The version of the library."""
    parts = [ctypes.c_int() for _ in range(3)]
    _library().XGBoostVersion(*map(ctypes.byref, parts))
    return ".".join(str(part.value) for part in parts)


def width(booster: Handled) -> int:
    """How many columns a booster takes."""
    found = _NUMBER()
    _call("XGBoosterGetNumFeature", booster.handle, ctypes.byref(found))
    return found.value


def as_json(booster: Handled) -> bytes:
    """A booster as JSON."""
    size, text = _NUMBER(), ctypes.c_void_p()
    _call("XGBoosterSaveModelToBuffer", booster.handle, b'{"format": "json"}', ctypes.byref(size), ctypes.byref(text))
    return ctypes.string_at(text, size.value)


def predict(booster: Handled, columns: Matrix, *, margin: bool, rounds: int = 0) -> Singles:
    """The answer to rows of columns as it is, or its margin; with ``rounds`` that of the booster after so many of them.

    Raises:
        NativeError: the rows have other columns than the booster takes.
    """
    if columns.shape[1] != width(booster):
        raise NativeError(f"the booster takes {width(booster)} columns, not {columns.shape[1]}")
    wanted = _wanted(_MARGIN if margin else _VALUE, rounds, missing=float("nan"), cache_id=0)
    array, _held = _interface(columns)
    return _answer("XGBoosterPredictFromDense", booster, array, wanted, None)


def contributions(booster: Handled, columns: Matrix) -> Singles:
    """SHAP values of rows of columns and the base value, which is last: (n, groups, columns + 1).

    Raises:
        NativeError: a value is infinite in single precision.
    """
    array, _held = _interface(columns)
    data = ctypes.c_void_p()
    _call("XGDMatrixCreateFromDense", array, _text({"missing": float("nan"), "nthread": 1}), ctypes.byref(data))
    try:
        return _answer("XGBoosterPredictFromDMatrix", booster, data, _wanted(_CONTRIBUTIONS, 0, strict_shape=True))
    finally:
        _library().XGDMatrixFree(data)


def _wanted(kind: int, rounds: int, **more: object) -> bytes:
    common = {"type": kind, "training": False, "iteration_begin": 0, "iteration_end": rounds, "strict_shape": False}
    return _text({**common, **more})


def _text(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()


def _interface(columns: Matrix) -> tuple[bytes, Matrix]:
    """How numpy's array interface describes rows, and what must be kept for as long as it is looked at."""
    rows = np.ascontiguousarray(columns, dtype=np.float64)
    interface = {"data": (rows.ctypes.data, True), "shape": rows.shape, "typestr": rows.dtype.str, "version": 3}
    return _text(interface), rows


def _answer(name: str, booster: Handled, *given: object) -> Singles:
    """Call a function that predicts; its answer is copied out of the library's memory."""
    shape, dimensions, values = ctypes.POINTER(_NUMBER)(), _NUMBER(), ctypes.c_void_p()
    _call(name, booster.handle, *given, ctypes.byref(shape), ctypes.byref(dimensions), ctypes.byref(values))
    whole = tuple(shape[: dimensions.value])
    count = int(np.prod(whole))
    return np.frombuffer(ctypes.string_at(values, 4 * count) if count else b"", dtype=np.float32).reshape(whole)


def _call(name: str, *given: object) -> None:
    library = _library()
    if getattr(library, name)(*given) != 0:
        raise NativeError(library.XGBGetLastError().decode(errors="replace"))  # it quotes the bytes that it stumbles over


@cache
def _library() -> ctypes.CDLL:
    """The library in the package, which is not imported."""
    spec = find_spec("xgboost")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")
    found = sorted(Path(spec.submodule_search_locations[0], "lib").glob("*xgboost.*"))
    if not found:
        raise ImportError("the package xgboost has no library beside it: pip install xgboost-cpu", name="xgboost")
    library = ctypes.CDLL(str(found[0]))
    for name, types in _TYPES.items():
        getattr(library, name).argtypes = types
    library.XGBGetLastError.restype = _TEXT
    return library
