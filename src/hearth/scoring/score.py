"""A table through a bundle: read, judged, scored and written a chunk at a time, on all cores, in the order it came."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa

from hearth.bundle import Prediction, Predictor
from hearth.errors import DataError
from hearth.schema import Contract, Target
from hearth.scoring.chunk import SHOWN, Chunk, Located, as_feature, typed
from hearth.scoring.readers import CsvReader, JsonReader, ParquetReader, Reader
from hearth.scoring.sinks import CsvSink, JsonSink, ParquetSink, Sink

Format = Literal["csv", "parquet", "jsonl"]
Progress = Callable[[int], object]


@dataclass(slots=True)
class Outcome:
    """What became of a table: rows read, rows at fault, and the first faults, at most ``SHOWN``."""

    rows: int = 0
    faulty: int = 0
    faults: list[Located] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        """Count a chunk in."""
        self.rows += chunk.rows
        self.faulty += chunk.faulty
        self.faults = nsmallest(SHOWN, [*self.faults, *chunk.faults])


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk and what is to be written of it; nothing where a fault stops the writing."""

    chunk: Chunk
    encoded: pa.Buffer | pa.Table | None


def open_reader(stream: BinaryIO, kind: Format, contract: Contract, size: int | None) -> Reader:
    """The reader of a format. ``size`` of the stream in bytes is for the progress bar.

    Raises:
        DataError: the columns do not fit the contract, or the stream is of another format.
    """
    if kind == "parquet":
        return ParquetReader(contract, stream)
    return CsvReader(contract, stream, size) if kind == "csv" else JsonReader(contract, stream, size)


class Scorer:
    """Scores chunks of ``reader`` into ``sink``.

    Raises:
        DataError: the table has a column of the name of an answer.
    """

    def __init__(self, predictor: Predictor, reader: Reader, kind: Format, stream: BinaryIO) -> None:
        self._predictor, self._reader, self._kind = predictor, reader, kind
        self._target = predictor.contract.target
        _refuse_names(reader.names, answer_names(self._target))
        self._verbatim = isinstance(reader, ParquetReader) or _same(reader, kind)
        self._sink = self._open_sink(stream)

    def run(self, count: int, *, skip: bool, advance: Progress) -> Outcome:
        """Score everything, ``count`` rows at a time; without ``skip`` nothing is written from the first faulty chunk on."""
        outcome = Outcome()
        for scored in _ordered(self._jobs(count, outcome, skip=skip)):
            outcome.add(scored.chunk)
            if scored.encoded is not None and (skip or not outcome.faulty):
                self._sink.write(scored.encoded)
            advance(scored.chunk.size)
        self._sink.close()
        return outcome

    def _jobs(self, count: int, outcome: Outcome, *, skip: bool) -> Iterator[Callable[[], Scored]]:
        for parse in self._reader.chunks(count):
            yield lambda parse=parse: self._score(parse(), outcome, skip=skip)

    def _score(self, chunk: Chunk, outcome: Outcome, *, skip: bool) -> Scored:
        if not skip and (chunk.faulty or outcome.faulty):
            return Scored(chunk, None)
        prediction = self._predictor.predict(chunk.matrix(self._predictor.contract))
        return Scored(chunk, self._sink.encode(self._rows(chunk), answers(self._target, prediction)))

    def _rows(self, chunk: Chunk) -> pa.Table | Sequence[object]:
        ...
