"""Many rows in one call: as JSON, as CSV, as an Arrow stream; each is answered in its own kind."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from api import arrow
from api.answers import JSON
from api.errors import Invalid, Unsupported
from api.faults import Read
from api.model import Model
from api.rows import Matrix
from hearth.bundle import Fault, Prediction
from hearth.schema import Contract, Feature
from hearth.separators import ADVICE, other_than_commas

if TYPE_CHECKING:
    from api.ipc import Column

CSV, ARROW = "text/csv", arrow.MEDIA
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch that is predicted. ``features`` and ``scores`` are JSON as the store keeps them; ``warnings`` are by row."""

    count: int
    prediction: Prediction
    features: str
    scores: str
    warnings: Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of body: ``read`` gives coded rows, ``write`` the answer with the ids of its rows, if they are stored."""

    media: str
    read: Callable[[Model, bytes, int], Matrix]
    write: Callable[[Model, Rows, str | None], bytes]


def form_of(content_type: bytes) -> Form:
    """The form of a ``Content-Type``.

    Raises:
        Unsupported: there is none for it.
    """
    form = FORMS.get(content_type.partition(b";")[0].strip().lower().decode("latin-1"))
    if form is None:
        raise Unsupported(f"send one of: {', '.join(FORMS)}")
    return form


def predicted(form: Form, model: Model, body: bytes, most: int) -> Rows:
    """Read a body and predict its rows in one call of the model.

    Raises:
        Invalid: with every fault, by row and field.
        TooLarge: there are more than ``most`` rows.
    """
    x = form.read(model, body, most)
    prediction = model.predictor.predict(x)
    scores = prediction.value if prediction.probabilities is None else prediction.probabilities
    return Rows(
        count=len(x),
        prediction=prediction,
        features=_encode(columns(model.contract, x)).decode(),
        scores=_encode(scores.tolist()).decode(),
        warnings=model.warnings_of(x),
    )


def columns(contract: Contract, x: Matrix) -> dict[str, list[object]]:
    """Coded rows as named columns of the values that they stand for; ``nan`` where one is missing, which JSON calls null."""
    return {feature.name: decoded(feature, codes) for feature, codes in zip(contract.used, x.T.tolist(), strict=True)}


def decoded(feature: Feature, codes: list[float]) -> list[object]:
    """The values that the codes of a column stand for; a number stands for itself."""
    if feature.numeric:
        return codes  # type: ignore[return-value]
    values: Sequence[object] = feature.values or (False, True)
    return [None if code != code else values[int(code)] for code in codes]  # noqa: PLR0124 - NaN is not itself


def ids(record: str | None, count: int) -> list[str | None]:
    """The ids of a record's rows."""
    return [None] * count if record is None else [f"{record}.{i}" for i in range(count)]


def _read_json(model: Model, body: bytes, most: int) -> Matrix:
    return model.reader.many(body, most)


def _write_json(model: Model, rows: Rows, record: str | None) -> bytes:
    told: dict[str, object] = {
        "model": model.digest,
        "features_used": model.features_used,
        "predictions": model.answers(rows.prediction, ids(record, rows.count)),
    }
    if rows.warnings:
        told["warnings"] = [{"row": row, "warnings": said} for row, said in rows.warnings.items()]
    return _encode(told)


def _read_csv(model: Model, body: bytes, most: int) -> Matrix:
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header, *cells = list(islice((line for line in reader if line), most + 2)) or [[]]
    except UnicodeDecodeError:
        raise Invalid("the body is not UTF-8") from None
    except csv.Error as error:
        raise Invalid(f"the body is not CSV: {error}") from None
    features = {feature.name: feature for feature in model.contract.features}
    if word := other_than_commas(header, features):
        raise Invalid(f"the columns are separated by {word}: {ADVICE}")
    _check_header(header, len(features))
    return model.reader.rows([_row(features, header, line, i) for i, line in enumerate(cells)], most)


def _check_header(header: Sequence[str], most: int) -> None:
    if len(header) > most:
        raise Invalid(f"the header has {len(header)} columns, the contract {most}: leave the others out")
    if len(set(header)) != len(header):
        raise Invalid("the header names a column twice")


def _row(features: Mapping[str, Feature], header: Sequence[str], line: Sequence[str], index: int) -> Read:
    if len(line) != len(header):
        return Fault(index, "", f"must have {len(header)} cells, as the header has")
    return {name: _cell(features.get(name), text) for name, text in zip(header, line, strict=True)}


def _cell(feature: Feature | None, text: str) -> object:
    """A cell as the value that it spells, or as it is: the contract then says what is wrong with it."""
    if text == "":
        return None
    if feature is None or feature.type == "category":
        return text
    if feature.type == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return float(text) if text.isascii() and "_" not in text else text  # Python takes more for a number than JSON
    except ValueError:
        return text


def _write_csv(model: Model, rows: Rows, record: str | None) -> bytes:
    table = answer_columns(model, rows, record)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table)
    cells = (column.tolist() if isinstance(column, np.ndarray) else column for column in table.values())
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue().encode()


def answer_columns(model: Model, rows: Rows, record: str | None) -> "dict[str, Column]":
    """The answer as columns: ``id``, ``prediction``, ``lower`` and ``upper`` or a probability a class, then ``warnings``."""
    said, classes = rows.prediction, model.contract.target.classes
    table: dict[str, Column] = {"id": [i or "" for i in ids(record, rows.count)]}
    if said.probabilities is not None:
        table["prediction"] = [classes[int(code)] for code in said.value]
        table |= {f"probability_{name}": np.ascontiguousarray(said.probabilities[:, i]) for i, name in enumerate(classes)}
    elif said.lower is not None and said.upper is not None:
        table |= {"prediction": said.value, "lower": said.lower, "upper": said.upper}
    warnings = [""] * rows.count
    for row, told in rows.warnings.items():
        warnings[row] = "; ".join(told)
    return table | {"warnings": warnings}


def _read_arrow(model: Model, body: bytes, most: int) -> Matrix:
    return arrow.read(model.reader, body, most)


def _write_arrow(model: Model, rows: Rows, record: str | None) -> bytes:
    from api import ipc  # noqa: PLC0415 - 3 MB of a worker's memory that most never ask for

    return ipc.write(answer_columns(model, rows, record))


FORMS: Mapping[str, Form] = {
    form.media: form
    for form in (
        Form(JSON, _read_json, _write_json),
        Form(CSV, _read_csv, _write_csv),
        Form(ARROW, _read_arrow, _write_arrow),
    )
}
