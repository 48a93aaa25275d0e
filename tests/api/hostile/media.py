"""What schemathesis sends where it has no idea of the kind of body: tables that keep the tiny contract. Loaded as its hooks."""

import json

import numpy as np
import schemathesis
from hypothesis import strategies as st
from schemathesis import HookContext

from api import arrow, ipc

_SIZES = st.lists(st.floats(0, 10), min_size=1, max_size=20)


def _table(sizes: list[float]) -> bytes:
    return "\n".join(["size", *map(json.dumps, sizes), ""]).encode()


def _stream(sizes: list[float]) -> bytes:
    return ipc.write({"size": np.array(sizes)})


schemathesis.openapi.media_type("text/csv", _SIZES.map(_table))
schemathesis.openapi.media_type(arrow.MEDIA, _SIZES.map(_stream))


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, object]) -> None:  # noqa: ARG001
    """A kind of body with a strategy of its own takes examples as bytes alone."""
    raw_schema["paths"]["/predict/batch"]["post"]["requestBody"]["content"]["text/csv"].update(example=b"size\n1\n")  # type: ignore[index]
