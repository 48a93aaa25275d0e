"""The reference: FastAPI and pydantic check a row of the bundle's contract and return a constant. Nothing else is on.

It runs in the environment of the service. Arguments: the bundle, the port.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from hearth.bundle.format import read
from hearth.schema import Contract, Feature

KINDS: dict[str, type] = {"number": float, "integer": int, "boolean": bool}
CONSTANT = 22.5


def field(feature: Feature) -> object:
    """The pydantic definition of a field: its type, its range, whether it may be left out."""
    kind: object = Literal[feature.values] if feature.type == "category" else KINDS[feature.type]
    if feature.type in ("number", "integer"):
        kind = Annotated[kind, Field(ge=feature.min, le=feature.max, allow_inf_nan=False)]
    return (kind, ...) if feature.required else (kind | None, None)  # type: ignore[operator]


def model(contract: Contract) -> type[BaseModel]:
    """The request model, which forbids what it does not know."""
    fields = {feature.name: field(feature) for feature in contract.features}
    return create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload, no-any-return]


def make(contract: Contract) -> FastAPI:
    """The app of one route."""
    app = FastAPI()
    row_model = model(contract)

    async def predict(row: row_model) -> dict[str, float]:  # type: ignore[valid-type]  # noqa: ARG001 - checked, not used
        return {"prediction": CONSTANT}

    async def health() -> dict[str, str]:
        return {"status": "ok"}

    app.post("/predict")(predict)
    app.get("/health")(health)
    return app


def main() -> None:
    """Serve it with what makes uvicorn fast, and no access log."""
    contract = read(Path(sys.argv[1])).contract
    uvicorn.run(
        make(contract),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
