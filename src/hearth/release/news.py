"""Whether there is anything to learn that the last build did not know: at the source, and among the truths that came back."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hearth.errors import ReleaseError
from hearth.params import DataParams, KaggleSource, OpenmlSource, Params
from hearth.release.checkout import Checkout
from hearth.release.layout import Layout
from hearth.release.truths import Returned, csv_bytes, sifted
from hearth.schema import Contract
from hearth.sources import feedback
from hearth.sources.chosen import fetch, sha256

NONE = Returned()
REPEATED = "the same came before"
KNOWN = "the table has these rows already"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What there is to learn, if anything.

    ``source`` says what is new there, empty where nothing is. ``rows`` new truths are in ``feedback``, the file as it is to be;
    ``told`` says what came back and was left out, a line each.
    """

    source: str = ""
    rows: int = 0
    feedback: bytes = b""
    told: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.source or self.rows)

    @property
    def words(self) -> str:
        """What is new, for a person."""
        truths = counted(self.rows, "new truth") if self.rows else ""
        return "; ".join(part for part in (self.source, truths) if part) or "nothing new at the source, and no new truths"


def news(main: Checkout, layout: Layout, settings: Params, returned: Returned = NONE) -> News:
    """What the build that is committed in ``main`` did not know. No model is made, nothing is written.

    Raises:
        SourceError: Kaggle does not say what is new, or the table is not there.
        DataError: the rows that came back earlier do not keep the contract.
        ReleaseError: the report of the last build is none.
    """
    report = main.file(layout.report)
    source = source_news(settings.data, main.root, _read(layout.report, report)) if report else "nothing was built yet"
    if settings.data.feedback == "none":
        return News(source=source)
    contract = known_contract(settings.contract, main.root / layout.raw)
    earlier = feedback.read(main.root / layout.feedback, contract)
    kept = sifted(returned, contract)
    known = pa.concat_tables([earlier, *table_of(main.root / layout.raw, earlier.schema)])
    once = feedback.unknown(kept.table, known.slice(0, 0), contract)
    new = feedback.unknown(once, known, contract)
    content = csv_bytes(pa.concat_tables([earlier, new])) if new.num_rows else b""
    left = {**kept.left, REPEATED: kept.table.num_rows - once.num_rows, KNOWN: once.num_rows - new.num_rows}
    return News(
        source=source,
        rows=new.num_rows,
        feedback=content,
        told=tuple(f"{counted(n, 'truth')} left out: {why}" for why, n in left.items() if n),
    )


def counted(number: int, noun: str) -> str:
    """How many there are of something, in words."""
    return f"{number} {noun}{'s' * (number != 1)}"


def source_news(data: DataParams, root: Path, read: Mapping[str, object]) -> str:
    """What is new at the source since the build that ``read`` this (``reports/data.json``); empty where nothing is.

    Kaggle is asked for the number of its newest version alone, OpenML for nothing: there a number is one version for ever. Any
    other table is fetched for its sum. Paths begin at ``root``.

    Raises:
        SourceError: the source does not say, or what it should have is not there.
    """
    chosen = getattr(data, data.source)
    if read["source"] != data.source:
        return f"the source is {data.source}, and was {read['source']}"
    if isinstance(chosen, KaggleSource):
        return _kaggle_news(chosen, read)
    if isinstance(chosen, OpenmlSource):
        return "" if str(chosen.id) == read["version"] else f"table {chosen.id} is to be read, and {read['version']} was"
    with tempfile.TemporaryDirectory() as folder:
        fetched = fetch(data, Path(folder), root)
        same = sha256(fetched.path) == read["sha256"]
    return "" if same else f"{fetched.where} has another table than was read last"


def _read(name: str, content: bytes) -> Mapping[str, object]:
    """What the last build read, as ``ingest`` wrote it."""
    try:
        found: Mapping[str, object] = json.loads(content)
        sound = {"source", "version", "file", "sha256"} <= found.keys()
    except (ValueError, AttributeError):
        sound = False
    if not sound:
        raise ReleaseError(f"{name} of the last commit does not say what was read: build it again (dvc repro), and commit it")
    return found


def _kaggle_news(chosen: KaggleSource, read: Mapping[str, object]) -> str:
    from hearth.sources.kaggle import newest  # noqa: PLC0415 - half a second that no other source needs

    where = f"{chosen.dataset}/{chosen.file}"
    if where != read["file"]:
        return f"{where} is to be read, and {read['file']} was"
    version = chosen.version or newest(chosen)
    if version is None or str(version) == read["version"]:
        return ""
    return f"{where} has version {version}, and version {read['version']} was read"


def known_contract(contract: Contract, raw: Path) -> Contract:
    """The contract with the classes that the table of the last build decided, where the settings leave them to it."""
    path = raw / "contract.json"
    if contract.target.task == "regression" or contract.target.classes or not path.exists():
        return contract
    built = Contract.from_dict(json.loads(path.read_text(encoding="utf-8")))
    return replace(contract, target=replace(contract.target, classes=built.target.classes))


def table_of(raw: Path, schema: pa.Schema) -> list[pa.Table]:
    """The table that the last build read, if it is here and of these columns."""
    path = raw / "table.parquet"
    table = pq.read_table(path) if path.exists() else None
    return [table.replace_schema_metadata(None)] if table is not None and table.schema.equals(schema) else []
