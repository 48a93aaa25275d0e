"""How each server is asked, and what is wrong with its answer. One row is asked with a slice of one row."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from benchmarks.rig.sample import Sample, compact
from numpy.typing import NDArray

JSON = "application/json"
STREAM = "application/vnd.apache.arrow.stream"
SINGLE = 1e-5  # relative; peers answer in single precision, some as text
CONSTANT = 22.5  # what the bare endpoint returns


@dataclass(frozen=True, slots=True)
class Dialect:
    """The path, the media type, the body for some rows, and the fault of an answer (empty where there is none)."""

    path: str
    media: str
    ask: Callable[[Sample, slice], bytes]
    fault: Callable[[Sample, slice, bytes], str]


def flat(sample: Sample, at: slice) -> bytes:
    """One raw row."""
    return compact(sample.rows[at][0])


def instances(sample: Sample, at: slice) -> bytes:
    """Raw rows, as our batch takes them."""
    return compact({"instances": sample.rows[at]})


def arrow(sample: Sample, at: slice) -> bytes:
    """Raw rows as an Arrow stream."""
    part = sample.table.slice(at.start, at.stop - at.start).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, part.schema) as writer:
        writer.write_table(part)
    return bytes(sink.getvalue())


def split(sample: Sample, at: slice) -> bytes:
    """Scaled rows, as MLflow takes a frame."""
    return compact({"dataframe_split": {"columns": sample.columns, "data": sample.scaled[at].tolist()}})


def matrix(sample: Sample, at: slice) -> bytes:
    """Scaled rows, as BentoML's XGBoost example takes them."""
    return compact({"data": sample.scaled[at].tolist()})


def tensor(sample: Sample, at: slice) -> bytes:
    """Scaled rows, as the V2 protocol has them."""
    part = sample.scaled[at]
    return compact({"inputs": [{"name": "x", "shape": part.shape, "datatype": "FP64", "data": part.ravel().tolist()}]})


def far(found: object, wanted: NDArray[np.float64]) -> bool:
    """Whether numbers differ by more than single precision explains."""
    got = np.asarray(found, dtype=np.float64)
    return got.shape != wanted.shape or not np.allclose(got, wanted, rtol=SINGLE, atol=0)


def values(pick: Callable[[object], object]) -> Callable[[Sample, slice, bytes], str]:
    """A check of an answer in which ``pick`` finds the predictions."""

    def fault(sample: Sample, at: slice, answer: bytes) -> str:
        return "wrong predictions" if far(pick(json.loads(answer)), sample.value[at]) else ""

    return fault


def constant(_sample: Sample, _at: slice, answer: bytes) -> str:
    """The fault of the bare endpoint's answer."""
    return "" if json.loads(answer) == {"prediction": CONSTANT} else "another constant"


def one_of_ours(sample: Sample, at: slice, answer: bytes) -> str:
    """The fault of our answer to one row; every field is looked at."""
    return ours(sample, at.start, json.loads(answer))


def many_of_ours(sample: Sample, at: slice, answer: bytes) -> str:
    """The fault of our answer to a batch in JSON."""
    found = json.loads(answer)
    said = found.get("predictions", [])
    if len(said) != at.stop - at.start or found.get("model") != sample.digest:
        return "not an answer to each row, or of another model"
    ids = {each.get("id") for each in said}
    if None in ids or len(ids) != len(said):
        return "an id is missing or there twice"
    rows = range(at.start, at.stop)
    return next(filter(None, (numbers(sample, row, each) for row, each in zip(rows, said, strict=True))), "")


def ours(sample: Sample, row: int, found: Mapping[str, object]) -> str:
    """What is wrong with an answer of ours to one row."""
    fields = {"id", "prediction", "interval", "model", "features_used"}
    if not fields <= found.keys() <= fields | {"warnings"}:
        return f"fields {sorted(found)}"
    faults = {
        "no id": not isinstance(found["id"], str) or len(str(found["id"])) < 16,
        "another model": found["model"] != sample.digest,
        "other features": found["features_used"] != list(sample.columns),
    }
    return next((fault for fault, wrong in faults.items() if wrong), numbers(sample, row, found))


def numbers(sample: Sample, row: int, found: Mapping[str, object]) -> str:
    """What is wrong with the prediction and its interval."""
    interval = found.get("interval")
    if not isinstance(interval, dict) or interval.keys() != {"lower", "upper", "coverage"}:
        return "no interval"
    said = (found.get("prediction"), interval["lower"], interval["upper"], interval["coverage"])
    wanted = (sample.value[row], sample.lower[row], sample.upper[row], sample.coverage)
    near = all(isinstance(a, float) and math.isclose(a, b, rel_tol=1e-6) for a, b in zip(said, wanted, strict=True))
    return "" if near else "wrong numbers"


def arrow_of_ours(sample: Sample, at: slice, answer: bytes) -> str:
    """The fault of our answer to an Arrow stream."""
    with pa.ipc.open_stream(answer) as reader:
        found = reader.read_all()
    ids = found["id"].to_pylist()
    if len(set(ids)) != at.stop - at.start or not all(ids):
        return "an id is missing or there twice"
    pairs = {"prediction": sample.value, "lower": sample.lower, "upper": sample.upper}
    return "wrong numbers" if any(far(found[name], said[at]) for name, said in pairs.items()) else ""


def key(name: str) -> Callable[[object], object]:
    """The member of a JSON object."""
    return lambda found: found[name] if isinstance(found, dict) else None


def output(found: object) -> object:
    """The data of the first output of the V2 protocol."""
    return found["outputs"][0]["data"] if isinstance(found, dict) else None


def alone(found: object) -> Sequence[object]:
    """One prediction as a row of one."""
    return [key("prediction")(found)]


OURS = Dialect("/predict", JSON, flat, one_of_ours)
OURS_MANY = Dialect("/predict/batch", JSON, instances, many_of_ours)
OURS_ARROW = Dialect("/predict/batch", STREAM, arrow, arrow_of_ours)
BARE = Dialect("/predict", JSON, flat, constant)
MLFLOW = Dialect("/invocations", JSON, split, values(key("predictions")))
BENTOML = Dialect("/predict", JSON, matrix, values(lambda found: found))
BENTOML_LEAN = Dialect("/predict", JSON, flat, values(alone))
MLSERVER = Dialect("/v2/models/hearth/infer", JSON, tensor, values(output))
