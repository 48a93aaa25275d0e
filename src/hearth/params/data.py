"""``data`` and ``features``: where the table comes from, and what a row may hold."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from hearth.params.frozen import Frozen, Number
from hearth.schema import FeatureType, Task


class CsvSource(Frozen):
    """Where ``data.source: csv`` reads: a path, or a URL that fsspec understands."""

    path: str


class ParquetSource(Frozen):
    """Where ``data.source: parquet`` reads: a path, or a URL that fsspec understands."""

    path: str


class OpenmlSource(Frozen):
    """The number of the table of OpenML that ``data.source: openml`` downloads."""

    id: PositiveInt


class SqlSource(Frozen):
    """What ``data.source: sql`` asks; ``url`` is SQLAlchemy's, or ``$NAME`` of the environment."""

    url: str
    query: str

    @field_validator("url")
    @classmethod
    def _no_secret(cls, url: str) -> str:
        if re.match(r"[^/@$]*://[^/@]*:[^/@]+@", url):
            raise ValueError("a password does not belong into a file in git: export DATABASE_URL=..., write url: $DATABASE_URL")
        return url


class KaggleSource(Frozen):
    """What ``data.source: kaggle`` downloads; ``version`` null is the newest."""

    dataset: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+$")]
    file: str
    version: PositiveInt | None = None


class BundledSource(Frozen):
    """The copy in git that ``data.source: bundled`` reads."""

    path: str


class DataParams(Frozen):
    """Where the table comes from and what of it is predicted."""

    source: Literal["bundled", "kaggle", "csv", "parquet", "openml", "sql"]
    bundled: BundledSource | None = None
    kaggle: KaggleSource | None = None
    csv: CsvSource | None = None
    parquet: ParquetSource | None = None
    openml: OpenmlSource | None = None
    sql: SqlSource | None = None
    target: str
    task: Task
    classes: tuple[str, ...] = Field(default=(), strict=False)
    unit: str = ""
    about: str = ""
    min_rows: Annotated[int, Field(ge=10)] = 50
    duplicates: Literal["keep", "drop"] = "keep"
    feedback: Literal["none", "append"] = "none"

    @model_validator(mode="after")
    def _source_is_described(self) -> Self:
        if getattr(self, self.source) is None:
            raise ValueError(f"source is {self.source}, so data.{self.source} must say where to read")
        if self.classes and self.task == "regression":
            raise ValueError("classes belong to a classification: remove them or set task: classification")
        return self


class FeatureParams(Frozen):
    """One feature as ``params.yaml`` writes it, under its name; fields as in ``hearth.schema.Feature``."""

    type: FeatureType
    min: Number | None = None
    max: Number | None = None
    values: tuple[str, ...] = Field(default=(), strict=False)
    ordered: bool = False
    required: bool = True
    unit: str = ""
    about: str = ""
    use: bool = True
    reason: str = ""
