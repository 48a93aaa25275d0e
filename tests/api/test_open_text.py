"""Text that a contract accepts and ignores: any text by every door, and nothing but text."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from starlette.testclient import TestClient
from tests.api.asking import KEY, ROW, configured, started
from tests.bundles import Tiny

from api.arrow import MEDIA
from hearth.bundle import Predictor, RowError, code_rows, write
from hearth.schema import Contract, Feature
from hearth.scoring import score_file

NOTE = Feature(name="note", type="category", required=False, use=False, reason="free text")
LONG = "€" * 5_000


def contract_of(tiny: Tiny) -> Contract:
    """The tiny contract and a note."""
    return replace(tiny.bundle.contract, features=(*tiny.bundle.contract.features, NOTE))


@pytest.fixture
def client(regression: Tiny, tmp_path: Path) -> Iterator[TestClient]:
    """A service whose rows may have a note."""
    write(replace(regression.bundle, contract=contract_of(regression)), tmp_path / "bundle")
    with started(configured(tmp_path)) as made:
        made.client.headers["X-API-Key"] = KEY
        yield made.client


def stream(**columns: object) -> bytes:
    """Columns as an Arrow stream."""
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_a_note_changes_nothing(client: TestClient) -> None:
    """Short, long or missing, as JSON, CSV or Arrow: the row is answered as without it."""
    plain = client.post("/predict", json=ROW).json()["prediction"]
    assert client.post("/predict", json={**ROW, "note": LONG}).json()["prediction"] == plain
    batch = client.post("/predict/batch", json={"instances": [{**ROW, "note": "x"}, {**ROW, "note": None}]}).json()
    assert [row["prediction"] for row in batch["predictions"]] == [plain] * 2
    csv = f'size,count,old,colour,depth,note\n4.5,3,true,red,12.5,"a, b"\n4.5,3,true,red,12.5,{LONG}\n'
    answer = client.post("/predict/batch", content=csv.encode(), headers={"Content-Type": "text/csv"})
    table = pyarrow.csv.read_csv(pa.BufferReader(answer.content))
    assert table["prediction"].to_pylist() == [plain] * 2
    columns = {name: [value] * 2 for name, value in ROW.items()}
    for notes in (pa.array(["x", LONG]), pa.array(["x", None]).dictionary_encode(), pa.array(["x", "y"], pa.large_string())):
        answer = client.post("/predict/batch", content=stream(**columns, note=notes), headers={"Content-Type": MEDIA})
        assert answer.status_code == 200
        assert pa.ipc.open_stream(answer.content).read_all()["prediction"].to_pylist() == [plain] * 2


def test_a_note_that_is_no_text_is_refused(client: TestClient) -> None:
    """By its name, and it alone."""
    answer = client.post("/predict", json={**ROW, "note": 3})
    assert answer.status_code == 422
    assert [(one["field"], one["message"]) for one in answer.json()["errors"]] == [("note", "must be text")]
    columns = {name: [value] for name, value in ROW.items()}
    answer = client.post("/predict/batch", content=stream(**columns, note=[3]), headers={"Content-Type": MEDIA})
    assert [one["field"] for one in answer.json()["errors"]] == ["note"]
    faulty = stream(**{**columns, "size": [99.0]}, note=["fine"])
    answer = client.post("/predict/batch", content=faulty, headers={"Content-Type": MEDIA})
    assert [one["field"] for one in answer.json()["errors"]] == ["size"]


def test_a_note_is_described_as_text(client: TestClient) -> None:
    """Without a list of values."""
    note = client.get("/openapi.json").json()["components"]["schemas"]["Row"]["properties"]["note"]
    assert note["type"] == ["string", "null"]
    assert "enum" not in note


def test_a_table_with_notes_is_scored(regression: Tiny, tmp_path: Path) -> None:
    """From CSV and Parquet; of Parquet a column of numbers is refused."""
    predictor = Predictor(replace(regression.bundle, contract=contract_of(regression)), threads=1)
    columns = {name: [value] * 3 for name, value in ROW.items()} | {"note": ["x", None, LONG]}
    pa.parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    pyarrow.csv.write_csv(pa.table(columns), tmp_path / "in.csv")
    expected = predictor.predict_rows([ROW]).value[0]
    for name in ("in.csv", "in.parquet"):
        score_file(predictor, tmp_path / name, tmp_path / "out.parquet", given=None, count=10, skip=False)
        assert pa.parquet.read_table(tmp_path / "out.parquet")["prediction"].to_pylist() == [expected] * 3


def test_only_what_is_ignored_may_name_no_values(regression: Tiny) -> None:
    """A model cannot see what has no codes; a row of names is coded without it."""
    with pytest.raises(ValueError, match="note: values are needed for a category"):
        replace(NOTE, use=True)
    contract = contract_of(regression)
    assert code_rows(contract, [{**ROW, "note": "x"}]).shape == (1, len(contract.names))
    with pytest.raises(RowError, match="note: must be text"):
        code_rows(contract, [{**ROW, "note": True}])
