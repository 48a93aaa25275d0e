"""Many rows in one call: one row, JSON, CSV, Arrow and the predictor itself are five doors to the same answer."""

import csv
import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from starlette.testclient import TestClient
from tests.bundles import CONTRACT, KINDS, Tiny, coded, make, rows_of
from tests.laws import drawn

from api import arrow, cells, ipc, stream
from api.batch import FORMS, Form, form_of, predicted
from api.errors import Invalid, TooLarge, Unsupported
from api.model import Model
from hearth.bundle import RowError, code_rows

TINY: Mapping[str, Tiny] = {kind: make(kind) for kind in KINDS}
MODELS: Mapping[str, Model] = {kind: Model(tiny.predictor) for kind, tiny in TINY.items()}
JSON, CSV, ARROW = FORMS.values()
MOST = 1000
Row = Mapping[str, object]


def in_json(rows: Sequence[Row]) -> bytes:
    """Rows as a batch of JSON."""
    return json.dumps({"instances": rows}).encode()


def in_csv(rows: Sequence[Row], names: Sequence[str] = CONTRACT.names) -> bytes:
    """Rows as a table of text; what is missing is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([names, *([_cell(row.get(name)) for name in names] for row in rows)])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def in_arrow(rows: Sequence[Row]) -> bytes:
    """Rows as a stream, as far as its writer goes: numbers, of which none is missing, and texts."""
    names = [name for name in CONTRACT.names if all(row.get(name) is not None for row in rows)]
    columns = {name: [row[name] for row in rows] for name in names if name != "old"}
    return ipc.write({n: [str(v) for v in c] if n == "colour" else np.array(c, dtype=np.float64) for n, c in columns.items()})


def bits(model: Model, form: Form, body: bytes) -> tuple[bytes, bytes]:
    """What is read from a body, and what is said of it."""
    rows = predicted(form, model, body, MOST)
    said = rows.prediction.value if rows.prediction.probabilities is None else rows.prediction.probabilities
    return form.read(model, body, MOST).tobytes(), said.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12))
@settings(max_examples=drawn(25), deadline=None)
def test_every_door_gives_the_same_bits(kind: str, seed: int, count: int) -> None:
    """A row alone, in JSON and in CSV is coded and answered to the bit as ``predict_rows`` does it."""
    model, rows = MODELS[kind], rows_of(coded(seed, count))
    prediction = model.predictor.predict_rows(rows)
    said = prediction.value if prediction.probabilities is None else prediction.probabilities
    expected = code_rows(CONTRACT, rows).tobytes(), said.tobytes()
    assert bits(model, JSON, in_json(rows)) == expected
    assert bits(model, CSV, in_csv(rows)) == expected
    assert bits(model, CSV, b"\xef\xbb\xbf" + in_csv(rows, CONTRACT.names[::-1]).replace(b"\r\n", b"\n\n")) == expected
    alone = [model.predictor.score_one(model.reader.coded(model.reader.one(json.dumps(row).encode()))) for row in rows]
    assert np.array(alone).tobytes() == said.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12))
@settings(max_examples=drawn(25), deadline=None)
def test_a_stream_gives_the_same_bits(kind: str, seed: int, count: int) -> None:
    """So does an Arrow stream; what pyarrow writes is looked at where streams are."""
    x = np.nan_to_num(coded(seed, count))
    rows = [{name: value for name, value in row.items() if name != "old"} for row in rows_of(x)]
    assert bits(MODELS[kind], ARROW, in_arrow(rows)) == bits(MODELS[kind], JSON, in_json(rows))


def _answers(kind: str, form: Form, answer: bytes) -> list[tuple[object, object]]:
    """The id and the prediction of each row of an answer."""
    if form is JSON:
        return [(row["id"], row["prediction"]) for row in json.loads(answer)["predictions"]]
    number = float if kind == "regression" else str
    if form is CSV:
        return [(row["id"], number(row["prediction"])) for row in csv.DictReader(io.StringIO(answer.decode()))]
    columns, _ = stream.columns(answer, 10, MOST)
    ids, said = (cells.values(columns[name][0], 100) for name in ("id", "prediction"))
    return list(zip(ids, said, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.media)
def test_an_answer_is_of_the_kind_that_was_asked_in(kind: str, form: Form) -> None:
    """Each row has its id and its prediction, in the order of the rows, the numbers to the bit."""
    model = MODELS[kind]
    rows = rows_of(np.nan_to_num(coded(3, 7)))
    read = predicted(JSON, model, in_json(rows), MOST)
    classes, values = model.contract.target.classes, read.prediction.value.tolist()
    said = [classes[int(value)] for value in values] if classes else values
    for record, ids in (("a", [f"a.{i}" for i in range(7)]), (None, [None if form is JSON else ""] * 7)):
        assert _answers(kind, form, form.write(model, read, record)) == list(zip(ids, said, strict=True))


@given(
    st.sampled_from(CONTRACT.names), st.sampled_from(("x", "11", "-1", "1.5", "nan", "inf", "1e999", "True", "RED", "1_0", ""))
)
@settings(max_examples=drawn(60), deadline=None)
def test_a_faulty_cell_is_named_as_the_bundle_names_it(name: str, cell: str) -> None:
    """Row, field and message are the bundle's for the value that the cell spells."""
    good: Row = {"size": "1", "count": "2", "old": "true", "colour": "red", "depth": "3"}
    body = in_csv([good, {**good, name: cell}])
    try:
        expected = []
        code_rows(CONTRACT, [{"size": 1.0}, {"size": 1.0, name: _spelt(name, cell)}])
    except RowError as error:
        expected = [{"row": fault.row, "field": fault.field, "message": fault.message} for fault in error.found]
    try:
        CSV.read(MODELS["regression"], body, MOST)
        found: list[object] = []
    except Invalid as error:
        found = list(error.errors)
    assert found == expected


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_columns_that_no_comma_separates_are_told_as_that(separator: str, name: str) -> None:
    """And not as columns of which each is missing, as many as there are."""
    with pytest.raises(Invalid, match=f"separated by {name}: separate them by commas"):
        CSV.read(MODELS["regression"], f"size{separator}count\n1,5{separator}2\n".encode(), MOST)


def _spelt(name: str, cell: str) -> object:
    """What a cell of this column means."""
    if name == "colour" or cell in ("", "x", "RED", "1_0"):
        return cell or None
    if name == "old":
        return True if cell == "True" else cell
    return float(cell) if cell != "True" else cell


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.media)
def test_a_faulty_row_is_named_in_every_kind(form: Form) -> None:
    """By its index and its field, with the bundle's words."""
    rows: list[Row] = [{"size": 1.0, "colour": "red"}, {"size": 11.0, "colour": "pink"}]
    write = {"application/json": in_json, "text/csv": in_csv}.get(form.media, in_arrow)
    with pytest.raises(Invalid) as raised:
        form.read(MODELS["regression"], write(rows), MOST)
    assert list(raised.value.errors) == [
        {"row": 1, "field": "size", "message": "must be at most 10"},
        {"row": 1, "field": "colour", "message": "must be one of red, green, blue"},
    ]


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.media)
def test_a_call_takes_so_many_rows_and_no_more(form: Form) -> None:
    """The cap is exact in every kind, and a call without a row is refused."""
    model, write = MODELS["regression"], {"application/json": in_json, "text/csv": in_csv}.get(form.media, in_arrow)
    rows: list[Row] = [{"size": 1.0}] * 6
    assert form.read(model, write(rows[:5]), 5).shape == (5, len(CONTRACT.names))
    with pytest.raises(TooLarge, match="at most 5 rows"):
        form.read(model, write(rows), 5)
    with pytest.raises(Invalid, match="no row"):
        form.read(model, {"application/json": b'{"instances":[]}', "text/csv": b"size\n"}.get(form.media, in_arrow([])), 5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"size,size\n1,1\n", "twice"),
        (b"size\n\xff\n", "not UTF-8"),
        (b'size\n"1\n', "not CSV"),
        (b"a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n", "7 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(body: bytes, words: str) -> None:
    """The message says what is wrong with the body as a whole."""
    with pytest.raises(Invalid, match=words):
        CSV.read(MODELS["regression"], body, MOST)


def test_ragged_rows_are_named() -> None:
    """Each by its index, blank lines not counted."""
    with pytest.raises(Invalid) as raised:
        CSV.read(MODELS["regression"], b"size,count\n1,2\n\n1\n1,2,3\n", MOST)
    assert [(fault["row"], fault["message"]) for fault in raised.value.errors] == [
        (1, "must have 2 cells, as the header has"),
        (2, "must have 2 cells, as the header has"),
    ]


@pytest.mark.parametrize(
    ("form", "body", "shape"),
    [
        (JSON, b'{"instances":[{"size":99},5,{"size":1},{"size":"x","more":1},[],{}]}', "must be a JSON object"),
        (CSV, b"size,more\n99,\n1\n1,\nx,\n1,2,3\n,\n", "must have 2 cells"),
    ],
)
def test_a_row_of_another_shape_hides_no_fault_of_the_others(form: Form, body: bytes, shape: str) -> None:
    """Each is told in its place among the values at fault, so that a person mends the batch in one go."""
    with pytest.raises(Invalid) as raised:
        form.read(MODELS["regression"], body, MOST)
    told = [(fault["row"], fault["field"], str(fault["message"])) for fault in raised.value.errors if fault["field"] != "?"]
    assert [(row, field) for row, field, _ in told] == [(0, "size"), (1, ""), (3, "size"), (4, ""), (5, "size")]
    assert all(message.startswith(shape) for _, field, message in told if not field)


@pytest.mark.parametrize("kind", [b"application/json", b"Text/CSV ; charset=utf-8", arrow.MEDIA.encode()])
def test_a_content_type_names_its_form(kind: bytes) -> None:
    """In any case, with or without parameters."""
    assert form_of(kind).media == kind.partition(b";")[0].strip().lower().decode()


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/csv", b"\xff", b"application/json2"])
def test_another_content_type_is_unsupported(kind: bytes) -> None:
    """The message names those that there are, and not the one that came."""
    with pytest.raises(Unsupported) as raised:
        form_of(kind)
    assert raised.value.detail == f"send one of: {', '.join(FORMS)}"


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.media)
def test_the_route_answers_in_kind(client: TestClient, form: Form) -> None:
    """The answer's Content-Type is the request's."""
    rows = rows_of(np.nan_to_num(coded(5, 3)))
    body = {"application/json": in_json, "text/csv": in_csv}.get(form.media, in_arrow)(rows)
    answer = client.post("/predict/batch", content=body, headers={"Content-Type": form.media})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, form.media)
    assert len(_answers("regression", form, answer.content)) == 3


def test_the_store_keeps_what_was_asked(regression: Tiny) -> None:
    """Features by name, decoded, and the scores of each row, as JSON."""
    rows = rows_of(coded(9, 4))
    kept = predicted(JSON, MODELS["regression"], in_json(rows), MOST)
    columns: Mapping[str, list[object]] = json.loads(kept.features)
    assert [{n: columns[n][i] for n in columns if columns[n][i] is not None} for i in range(4)] == rows
    scores: NDArray[np.float64] = np.array(json.loads(kept.scores))
    np.testing.assert_array_equal(scores, regression.predictor.predict_rows(rows).value)
