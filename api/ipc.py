"""Arrow streams that are written, with nanoarrow instead of 130 MB of pyarrow.

Imported when the first of them is written: what nanoarrow takes of a worker's memory is for those who ask for it.
"""

import io
from collections.abc import Mapping, Sequence

import nanoarrow as na
import numpy as np
from nanoarrow import ipc

from api.rows import Matrix

Column = Matrix | Sequence[str]


def write(table: Mapping[str, Column]) -> bytes:
    """A stream of one batch; texts as strings, numbers as doubles."""
    count = len(next(iter(table.values())))
    arrays = [
        _strings(column) if not isinstance(column, np.ndarray) else na.c_array(column, na.float64())
        for column in table.values()
    ]
    fields = {name: na.float64() if isinstance(column, np.ndarray) else na.string() for name, column in table.items()}
    schema = na.struct(fields, nullable=False)
    out = io.BytesIO()
    with ipc.StreamWriter.from_writable(out) as writer:
        writer.write_array(na.c_array_from_buffers(schema, count, [None], children=arrays))
    return out.getvalue()


def _strings(texts: Sequence[str]) -> na.c_array:
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return na.c_array_from_buffers(na.string(), len(encoded), [None, offsets, b"".join(encoded)])
