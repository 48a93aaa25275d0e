"""A table through a bundle: read, judged, scored and written a chunk at a time, on all cores, in the order it came."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from heapq import nsmallest
from itertools import islice
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from hearth.bundle import Prediction, Predictor
from hearth.errors import DataError
from hearth.processors import processors
from hearth.schema import Target
from hearth.scoring.chunk import SHOWN, Chunk, Format, Located
from hearth.scoring.readers import Reader
from hearth.scoring.shape import Shape
from hearth.scoring.sinks import CsvSink, JsonSink, ParquetSink, Sink

Progress = Callable[[int], object]


@dataclass(slots=True)
class Outcome:
    """What became of a table: rows read, rows at fault, faults in all, and the first of them, at most ``SHOWN``."""

    rows: int = 0
    faulty: int = 0
    found: int = 0
    faults: list[Located] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        """Count a chunk in."""
        self.rows += chunk.rows
        self.faulty += chunk.faulty
        self.found += chunk.found
        self.faults = nsmallest(SHOWN, [*self.faults, *chunk.faults])


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk and what is to be written of it; nothing where a fault stops the writing."""

    chunk: Chunk
    encoded: pa.Buffer | pa.Table | None


Job = Callable[[], Scored]


class Scorer:
    """Scores chunks of a reader into a stream of format ``kind``.

    Raises:
        DataError: the table has a column of the name of an answer.
    """

    def __init__(self, predictor: Predictor, reader: Reader, kind: Format, stream: BinaryIO) -> None:
        _refuse_names(reader.names, predictor.contract.target)
        self._predictor, self._reader = predictor, reader
        self._shape = Shape(predictor.contract, reader, kind)
        schema = pa.schema([*self._shape.schema, *answer_schema(predictor.contract.target)])
        self._sink = _sink(stream, kind, schema)

    def run(self, count: int, *, skip: bool, advance: Progress) -> Outcome:
        """Score everything, about ``count`` rows at a time. Without ``skip``, nothing is written after the first fault."""
        outcome = Outcome()
        for scored in ordered(self._jobs(count, outcome, skip=skip)):
            outcome.add(scored.chunk)
            if scored.encoded is not None and (skip or not outcome.faulty):
                self._sink.write(scored.encoded)
            advance(scored.chunk.size)
        self._sink.close()
        return outcome

    def _jobs(self, count: int, outcome: Outcome, *, skip: bool) -> Iterator[Job]:
        for parse in self._reader.chunks(count):
            yield partial(self._score, parse, outcome, skip=skip)

    def _score(self, parse: Callable[[], Chunk], outcome: Outcome, *, skip: bool) -> Scored:
        chunk = parse()
        if not skip and (chunk.faulty or outcome.faulty):
            return Scored(chunk, None)
        contract = self._predictor.contract
        answers = as_table(contract.target, self._predictor.predict(chunk.matrix(contract)))
        return Scored(chunk, self._sink.encode(self._shape.rows(chunk), answers))


def answer_schema(target: Target) -> pa.Schema:
    """The columns that a prediction adds."""
    if target.task == "regression":
        return pa.schema([(name, pa.float64()) for name in ("prediction", "lower", "upper")])
    return pa.schema([("prediction", pa.string()), *((f"probability_{name}", pa.float64()) for name in target.classes)])


def as_table(target: Target, prediction: Prediction) -> pa.Table:
    """A prediction as the columns of ``answer_schema``."""
    if prediction.probabilities is None:
        columns = [prediction.value, prediction.lower, prediction.upper]
    else:
        labels = pa.array(target.classes, pa.string()).take(pa.array(prediction.value.astype(np.int32)))
        columns = [labels, *np.ascontiguousarray(prediction.probabilities.T)]
    return pa.table([pa.array(column) for column in columns], schema=answer_schema(target))


def _refuse_names(names: Sequence[str], target: Target) -> None:
    taken = [name for name in answer_schema(target).names if name in names]
    if taken:
        raise DataError(f"the table has a column {taken[0]} already, where the answer would stand: rename it")


def _sink(stream: BinaryIO, kind: Format, schema: pa.Schema) -> Sink:
    if kind == "jsonl":
        return JsonSink(stream)
    return CsvSink(stream, schema) if kind == "csv" else ParquetSink(stream, schema)


def ordered(jobs: Iterator[Job]) -> Iterator[Scored]:
    """Do the jobs on all cores and hand out what they return in their order; at most two more than cores wait."""
    cores = processors()
    pool = ThreadPoolExecutor(cores)
    try:
        waiting = deque(pool.submit(job) for job in islice(jobs, cores + 1))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(job) for job in islice(jobs, 1))
            yield done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
