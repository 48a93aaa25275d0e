"""What every section of the settings is: immutable, typed, and closed to keys that it does not know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hearth.schema import MOST

Number = Annotated[int | float, Field(ge=-MOST, le=MOST)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Frozen(BaseModel):
    """Immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
