"""Bodies that no client means well, at every route that takes one: a refusal that says nothing of them, and never a 500."""

import gzip
import io
import json
import random
import re
import struct
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.api.hostile.rig import MARK, ROW, Answer, Served, events, problem, right

GOOD = dict(ROW)
MIB = 2**20
CSV, ARROW = "text/csv", "application/vnd.apache.arrow.stream"
ROUTES = ("/predict", "/explain", "/predict/batch", "/feedback", "/feedback/batch")
ALLOWED = frozenset({200, 400, 404, 413, 415, 422})
OTHER_KINDS = (
    "",
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=a",
    MARK,
    "application/json" * 999,
    "\xff",
    ";",
)
NUMBERS = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "nan": "nan",
    "1e999": "1e999",
    "-1e999": "-1e999",
    "1e-400": "1e-400",
    "1e39": "1e39",
    "-0.0": "-0.0",
    "2^63": str(2**63),
    "2^64": str(2**64),
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "a million digits": "9" * 1_000_000,
    "a long fraction": "0." + "1" * 100_000,
    "an exponent of 5000 digits": "1e" + "9" * 5000,
    "text": f'"{MARK}"',
    "a number as text": '"5.0"',
    "true": "true",
    "null": "null",
    "array": f'["{MARK}"]',
    "object": f'{{"{MARK}":1}}',
    "hex": "0x10",
    "plus": "+1",
    "leading zero": "01",
    "no digit": "1.",
    "underscored": "1_000",
    "undefined": "undefined",
    "a lone surrogate": '"\\ud800"',
    "NUL": '"\\u0000"',
    "raw NUL": '"\0"',
    "a text of a megabyte": '"' + MARK * 100_000 + '"',
}
WHOLE: Mapping[str, bytes] = {
    "empty": b"",
    "spaces": b" " * 1000,
    "null": b"null",
    "a number": b"1",
    "a text": f'"{MARK}"'.encode(),
    "a list": b"[]",
    "an object": b"{}",
    "a list of objects": json.dumps([GOOD]).encode(),
    "half": json.dumps(GOOD).encode()[:-3],
    "two": json.dumps(GOOD).encode() * 2,
    "a comma too many": b'{"size":1,}',
    "a comment": b'{"size":1} // ' + MARK.encode(),
    "arrays 100000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 100000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a value 100000 deep": b'{"size":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "rows 100000 deep": b'{"instances":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "truths 100000 deep": b'{"feedback":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "10 MB of opening brackets": b"[" * 10 * MIB,
    "10 MB of brackets": b"[" + b"[]," * 3_400_000 + b"[]]",
    "10 MB of braces": b"{" * 10 * MIB,
    "10 MB of empty objects": b'{"instances":[' + b"{}," * 3_400_000 + b"{}]}",
    "10 MB of short texts": b'{"feedback":[' + b'"ab",' * 2_000_000 + b'"ab"]}',
    "10 MB of nulls": b'{"instances":[' + b"null," * 2_000_000 + b"null]}",
    "more than there may be": b'{"size":1}' + b" " * 10 * MIB,
    "not UTF-8": b'{"size": "\xff\xfe' + MARK.encode() + b'"}',
    "half a character": b'{"size": "\xf0\x9f"}',
    "an overlong NUL": b'{"size": "\xc0\x80"}',
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-32": json.dumps(GOOD).encode("utf-32"),
    "NUL bytes": b"\0" * 1000,
    "a NUL in between": b'{"size"\0: 1}',
    "gzip": gzip.compress(json.dumps(GOOD).encode()),
    "a gzip bomb": gzip.compress(b" " * 50 * MIB),
    "unknown field": json.dumps({**GOOD, MARK: 1}).encode(),
    "HTML": json.dumps({**GOOD, f"<script>{MARK}</script>": f"<b>{MARK}</b>"}).encode(),
    "a name of 100 kB": json.dumps({**GOOD, MARK * 10_000: 1}).encode(),
    "5000 unknown fields": json.dumps({**GOOD, **{f"{MARK}{i}": i for i in range(5000)}}).encode(),
    "names that are near": json.dumps({**GOOD, **{f"siz{'é' * i}": i for i in range(3000)}}).encode(),
    "names that grow in upper case": json.dumps({**GOOD, "ß" * 5000: 1, "ŉ" * 5000: 1}).encode(),
    "a name of a lone surrogate": b'{"size": 1, "\\ud800": 1}',
    "a name that is empty": b'{"size": 1, "": 1}',
    "__proto__": b'{"size": 1, "__proto__": {"size": 1}}',
    "duplicate keys": b'{"size": 1, "size": "' + MARK.encode() + b'"}',
    "a key 100000 times": b'{"size":1' + b',"size":2' * 100_000 + b"}",
    "an id with a NUL": b'{"id": "\\u0000' + MARK.encode() + b'", "actual": 1}',
    "an id of a lone surrogate": b'{"id": "\\udfff", "actual": 1}',
    "an id that is SQL": json.dumps({"id": f"'; DROP TABLE predictions; -- {MARK}", "actual": 1}).encode(),
    "an id with a huge row": json.dumps({"id": "a." + "9" * 60, "actual": 1}).encode(),
    "an id with a negative row": json.dumps({"id": "a.-1", "actual": 1}).encode(),
    "an id with a row in other digits": json.dumps({"id": "a.²", "actual": 1}).encode(),
    "a truth that is no number": b'{"id": "a", "actual": 1e999}',
    "ids with NULs": json.dumps({"feedback": [{"id": f"\0{i}", "actual": 1.0} for i in range(9999)]}).encode(),
    "truths without end": json.dumps({"feedback": [{"id": "a", "actual": 1.0}] * 20_000}).encode(),
    "truths of no number": b'{"feedback":[' + b'{"id":"a","actual":NaN},' * 9999 + b'{"id":"a","actual":1e999}]}',
    "truths that are not": json.dumps({"feedback": [1, None, "a", [], MARK, {"id": MARK * 9, "actual": MARK}]}).encode(),
    "100000 faults of truths": json.dumps({"feedback": [{f"{MARK}{i}": MARK for i in range(10)}] * 9000}).encode(),
    "a truth of names that are near": json.dumps({**{f"actua{'é' * i}": i for i in range(300)}, "id": MARK}).encode(),
    "a truth with a key 1000 times": b'{"id":1' + b',"id":"a"' * 1000 + b',"actual":1}',
    "rows that are not": json.dumps({"instances": [1, None, "a", [], MARK]}).encode(),
    "rows without end": b'{"instances":[' + b'{"size":1},' * 20_000 + b'{"size":1}]}',
    "instances twice": b'{"instances": [{"size": 1}], "instances": 1}',
    "instances and more": json.dumps({"instances": [GOOD], MARK: 1}).encode(),
    "100000 faults": json.dumps({"instances": [dict.fromkeys(GOOD, MARK)] * 9000}).encode(),
}
TABLES: Mapping[str, bytes] = {
    "empty": b"",
    "a header alone": b"size,count\n",
    "ragged": b"size,count\n1\n1,2,3\n\n1,2",
    "an open quote": b'size,colour\n1,"red\n' + MARK.encode() * 1000,
    "a quote in a cell": b'size,colour\n1,re"d\n1,"red"x\n',
    "10 MB of newlines": b"\n" * 10 * MIB,
    "10 MB of returns": b"\r" * 10 * MIB,
    "10 MB of commas": b"," * 10 * MIB,
    "10 MB of commas below a header": b"size\n" + b"," * (10 * MIB - 5),
    "10 MB of quotes": b'"' * 10 * MIB,
    "rows of commas": b"size\n" + b",,,\n" * 2_000_000,
    "a header of a megabyte": (MARK * 100_000).encode() + b"\n1\n",
    "a header of many": b",".join(f"{MARK}{i}".encode() for i in range(50_000)) + b"\n1\n",
    "columns twice": b"size,size\n1,2\n",
    "columns without a name": b",,\n1,2,3\n",
    "unknown columns": f"size,{MARK}\n1,2\n".encode(),
    "no number is one": b"size,depth\n" + b"1,nan\n1,inf\n1,-inf\n1,1e999\n1,0x10\n1,1_0\n1, 1\n",
    "digits of others": "size\n\uff11\uff12\n\u0663\n\u00b2\n".encode(),
    "long numbers": b"size\n" + b"9" * 5000 + b"\n" + b"9" * 100_000 + b"\n",
    "formulas": f"size,colour\n1,=cmd|'{MARK}'!A0\n1,@SUM(1)\n".encode(),
    "NULs": b"size\0,count\n1,2\0\n\0\n",
    "one cell of 10 MB": b"size,colour\n1," + b"a" * (10 * MIB - 20),
    "a quoted cell of 10 MB": b'size,colour\n1,"' + b"a\n" * (5 * MIB - 20) + b'"',
    "not UTF-8": b"size,colour\n1,\xff" + MARK.encode(),
    "UTF-16": "size\n1\n".encode("utf-16"),
    "a mark within": b"size\n\xef\xbb\xbf1\n",
    "rows without end": b"size\n" + b"1\n" * 1_000_000,
    "semicolons": b"size;count\n1;2\n",
    "JSON": json.dumps({"instances": [GOOD]}).encode(),
}


def sized(bodies: Mapping[str, bytes]) -> list[pytest.ParameterSet]:
    """Their names; those of the largest are for the journeys."""
    large = {name for name, body in bodies.items() if len(body) > MIB}
    return [pytest.param(name, marks=[pytest.mark.journey] if name in large else []) for name in bodies]


@pytest.fixture(scope="module", autouse=True)
def unharmed(server: Served) -> Iterator[None]:
    """Afterwards it answers as before, held little memory, and logged neither a failure nor what was sent."""
    yield
    right(server)
    assert not {status for status in server.counted() if status >= 500}
    assert server.peak < 700
    assert not [event for event in events(server.log) if event["event"] == "failed"]
    assert MARK not in server.log.read_text(encoding="utf-8")


def fine(answer: Answer) -> Answer:
    """An answer, or a refusal in the form of every refusal."""
    assert answer.status in ALLOWED, answer
    if answer.status >= 400:
        problem(answer)
    assert MARK.encode() not in answer.body
    assert len(answer.body) < 4 * MIB
    return answer


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("name", NUMBERS)
def test_every_spelling_of_a_value(server: Served, path: str, name: str) -> None:
    """In each field, in a row, in a batch, as a truth: an answer or a 4xx; an answer only where the value is good."""
    spelt = NUMBERS[name]
    for field in GOOD:
        row = "{" + ",".join(f'"{known}":{spelt if known == field else json.dumps(GOOD[known])}' for known in GOOD) + "}"
        fine(server.post(path, {"/predict/batch": f'{{"instances":[{row}]}}'}.get(path, row).encode()))
    truth = f'{{"id":"a.0","actual":{spelt}}}'
    fine(server.post(path, f'{{"feedback":[{truth}]}}'.encode() if path.endswith("/batch") else truth.encode()))
    fine(server.post(path, f'{{"id":{spelt},"actual":1}}'.encode()))


@pytest.mark.parametrize("path", [*ROUTES, "/admin/reload"])
@pytest.mark.parametrize("name", sized(WHOLE))
def test_every_body_at_every_route(server: Served, path: str, name: str) -> None:
    """As JSON, as CSV, as an Arrow stream where there is one, and without a word of what it is."""
    kinds = ("application/json", CSV, ARROW) if path == "/predict/batch" else ("application/json",)
    for kind in kinds:
        began = time.monotonic()
        fine(server.post(path, WHOLE[name], kind))
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("name", sized(TABLES))
def test_every_table(server: Served, name: str) -> None:
    """As CSV: what is not a table of this contract is a 4xx."""
    fine(server.post("/predict/batch", TABLES[name], CSV))


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("kind", OTHER_KINDS, ids=lambda kind: kind[:20])
def test_other_kinds_of_body_are_a_415(server: Served, path: str, kind: str) -> None:
    """The refusal says which are read."""
    assert fine(server.post(path, b"{}", kind)).status == 415


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "gzip, gzip", "identity, gzip", MARK])
@pytest.mark.parametrize("path", ROUTES)
def test_a_compressed_body_is_a_415(server: Served, path: str, coding: str) -> None:
    """Whatever it unfolds to; a body that says that it is as it is, is read."""
    bomb = gzip.compress(b" " * MIB)
    answer = fine(server.ask("POST", path, bomb, {"Content-Encoding": coding}))
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    assert fine(server.ask("POST", path, b"{}", {"Content-Encoding": "Identity"})).status == 422


def test_a_number_in_csv_is_spelt_as_in_json(server: Served) -> None:
    """Digits of other scripts and underscores are no number, though Python takes them for one."""
    for cell in ("\uff11\uff12", "\u0663", "1_0", "0x10", "nan", "1e999"):
        assert fine(server.post("/predict/batch", f"size\n{cell}\n".encode(), CSV)).status == 422
    assert fine(server.post("/predict/batch", b"size\n1e0\n", CSV)).status == 200


def test_an_id_is_of_its_own_letters(server: Served) -> None:
    """Hostile request ids and names of keys are not repeated."""
    for name in ("X-Request-ID", "X-API-Key", "Authorization", "X-Forwarded-For", "Host", "Origin", "Cookie"):
        for text in (f"<{MARK}>", f"{MARK}" * 1000, "\xff\xfe", f"Bearer {MARK}", "'" + MARK):
            (answer,) = server.raw(_plain(name, text))
            assert answer.status == 401
            problem(answer)
            assert MARK not in answer.headers["x-request-id"]


def _plain(name: str, text: str) -> bytes:
    lines = [b"GET /version HTTP/1.1", b"Host: a", b"Connection: close", f"{name}: {text}".encode("latin-1")]
    return b"\r\n".join(line for line in lines if name != "Host" or line != b"Host: a") + b"\r\n\r\n"


def test_many_at_once(server: Served) -> None:
    """The heaviest bodies side by side: memory is bounded, and single rows are answered in between."""
    heavy = [name for name, body in WHOLE.items() if len(body) > MIB]
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(server.post, "/predict/batch", WHOLE[name]) for name in heavy]
        right(server)
        for future in futures:
            fine(future.result())


@pytest.mark.parametrize("corrupt", [pytest.param(2000, marks=pytest.mark.journey), 200])
def test_streams_that_are_broken(server: Served, corrupt: int) -> None:
    """A valid stream cut at every 64th byte, and with seeded corruptions of one to eight bytes."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow makes the streams: pip install 'hearth[train]'")
    table = pa.table({name: [value] * 20 for name, value in GOOD.items()})
    table = table.set_column(3, "colour", table["colour"].dictionary_encode())
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    whole, rng = out.getvalue(), random.Random(7)  # noqa: S311 - not a secret
    assert server.post("/predict/batch", whole, ARROW).status == 200
    for end in range(0, len(whole), 64):
        fine(server.post("/predict/batch", whole[:end], ARROW))
    for _ in range(corrupt):
        body = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8))):
            body[rng.randrange(len(body))] = rng.randrange(256)
        assert fine(server.post("/predict/batch", bytes(body), ARROW)).status in (200, 413, 422)


def test_streams_that_unfold(server: Served) -> None:
    """Millions of rows or values in a few bytes, and a text that is named ten thousand times."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow makes the streams: pip install 'hearth[train]'")
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 9999, pa.int16()), ["a" * 5 * MIB])
    views = struct.pack("<i4sii", 5 * MIB, b"bbbb", 0, 0) * 9999
    view = pa.Array.from_buffers(pa.string_view(), 9999, [None, pa.py_buffer(views), pa.py_buffer(b"b" * 5 * MIB)])
    lists = pa.FixedSizeListArray.from_arrays(pa.nulls(10**8), 10**8)
    for column in (long, view, lists, pa.nulls(10**9), pa.array(["c" * 9 * MIB])):
        out = io.BytesIO()
        batch = pa.record_batch([column], names=["colour"])
        for codec in (None, "lz4", "zstd"):
            with pa.ipc.new_stream(out, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
                writer.write_batch(batch)
            assert fine(server.post("/predict/batch", out.getvalue(), ARROW)).status in (413, 422)


def test_no_refusal_names_what_it_refuses(server: Served) -> None:
    """Of unknown names the place is told, of values the rule."""
    told = fine(server.post("/predict", json.dumps({**GOOD, "size": MARK, MARK: MARK}).encode())).json()
    assert told["errors"] == [
        {"field": "size", "message": "must be a number"},
        {"field": "?", "message": "field 6 of the object is unknown, remove it"},
    ]
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", str(told["request_id"]))
    truth = fine(server.post("/feedback", json.dumps({MARK: 1, "id": MARK * 9, "actual": MARK}).encode())).json()
    assert truth["errors"] == [
        {"field": "id", "message": "must be at most 64 characters long"},
        {"field": "actual", "message": "must be a number"},
        {"field": "?", "message": "field 1 of the object is unknown, remove it"},
    ]
