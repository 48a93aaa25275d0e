"""Settings of the service, from the environment with the prefix ``HEARTH_``. ``.env.example`` names them all."""

import re
from collections.abc import Container, Iterable
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.ratelimit import LimitError, read_limit
from hearth.errors import HearthError

Network = IPv4Network | IPv6Network
OTHERS = ("HEARTH_DEBUG",)  # of the command
_PORT = 8000
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_BELOW = re.compile(r"(?:/[A-Za-z0-9._~-]+)*", re.ASCII)
_NEVER_SENT = re.compile(r"http://.*:80|https://.*:443")


class SettingsError(HearthError):
    """The environment does not make a service that is safe to start."""


class Settings(BaseSettings):
    """What the environment decides. Frozen; ``unknown`` tells of variables that are none of these."""

    model_config = SettingsConfigDict(env_prefix="HEARTH_", frozen=True, hide_input_in_errors=True, env_ignore_empty=False)

    bundle: Path = Field(Path("models/production"), description="folder of the bundle")
    watch: bool = Field(False, description="load a new bundle by itself when it appears in that folder")
    reports: Path = Field(Path("reports"), description="folder of the reports that / links to, where present")

    api_keys: SecretStr = Field(SecretStr(""), description="configured keys, as `hearth keys new` prints them, by whitespace")
    api_keys_file: Path | None = Field(None, description="file of keys, one a line, instead of HEARTH_API_KEYS")
    metrics_open: bool = Field(True, description="/metrics without a key; false asks for one with scope monitor")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins of browsers, by commas; none by default"
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="addresses or networks whose X-Forwarded-For is believed, by commas"
    )

    rate_limit: str = Field("100/minute", description="of each key without a limit of its own")
    wrong_key_limit: str = Field("20/minute", description="of each address, for requests without a right key")
    redis_url: SecretStr | None = Field(None, description="where several workers share their limits; memory if unset")
    max_body_bytes: int = Field(
        10 * 2**20,
        ge=1024,
        description="of a request body, in bytes; one row takes at most 65536, or 256 a feature where that is more",
    )
    max_rows: int = Field(10_000, ge=1, description="of a batch, in rows")
    max_concurrency: int = Field(256, ge=1, description="requests at once in one worker; more get 503")
    timeout: float = Field(30.0, gt=0, le=3600, description="seconds for one request; then 408 or 503")

    database_url: SecretStr = Field(SecretStr("sqlite:///var/hearth.db"), description="the store: SQLite or PostgreSQL")
    store_wait: float = Field(2.0, gt=0, le=60, description="seconds that an answer waits for the store before its id is null")
    keep_days: float | None = Field(90.0, gt=0, description="age at which predictions go, in days; empty keeps them")
    keep_rows: int | None = Field(10_000_000, ge=1, description="predictions kept at most; empty keeps them all")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(_PORT, ge=0, le=65535, description="port to listen on")
    root_path: str = Field("", description="path below which a proxy serves this, such as /models/one; none by default")
    workers: int = Field(1, ge=1, le=64, description="processes; more than one need Redis and PostgreSQL")
    drain: float = Field(0.0, ge=0, le=300, description="seconds to go on answering after SIGTERM, /ready already saying no")
    log_level: Literal["info", "warning", "error"] = Field("info", description="info logs each request")
    run_dir: Path | None = Field(None, description="folder that the workers share; `hearth serve` makes one")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        return _parts(value) if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return tuple(map(_network, _parts(value))) if isinstance(value, str) else value

    @field_validator("rate_limit", "wrong_key_limit")
    @classmethod
    def _limit(cls, value: str) -> str:
        try:
            read_limit(value)
        except LimitError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("keep_days", "keep_rows", "redis_url", "api_keys_file", "run_dir", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("bundle", "reports", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":
            raise ValueError("name a folder, or leave the variable out")  # as a path it would be the folder that this runs in
        return value

    @field_validator("host")
    @classmethod
    def _somewhere(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("name an address, or leave it out: an empty one would be every address of this machine")
        return value

    @field_validator("root_path")
    @classmethod
    def _below(cls, value: str) -> str:
        if not _BELOW.fullmatch(value):
            raise ValueError("give a path such as /models/one: a slash first, none at the end, no other marks than . _ ~ -")
        return value

    @field_validator("run_dir")
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("there is no such folder: leave the variable out, hearth serve makes one")
        return value

    @field_validator("port", mode="before")
    @classmethod
    def _no_address(cls, value: object) -> object:
        """Kubernetes puts an address into this variable where a Service is called hearth: that is nobody's choice."""
        return _PORT if isinstance(value, str) and value.startswith("tcp://") else value

    @field_validator("cors_origins")
    @classmethod
    def _as_sent(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError("name the origins: * would let any page use a visitor's key")
        if not all(_ORIGIN.fullmatch(one) and not _NEVER_SENT.fullmatch(one) for one in value):
            raise ValueError(
                "give origins as browsers send them, https://app.example or http://localhost:3000: "
                "in lower case, with no path, no slash at the end, no port that the scheme has by itself"
            )
        return value

    @model_validator(mode="after")
    def _shared(self) -> Self:
        missing = []
        if self.workers > 1 and self.redis_url is None:
            missing.append("more than one worker must share their limits: set HEARTH_REDIS_URL")
        if self.workers > 1 and self.database_url.get_secret_value().startswith("sqlite"):
            missing.append("more than one worker must share a PostgreSQL store: set HEARTH_DATABASE_URL")
        if missing:
            raise ValueError("\n  - ".join(missing))
        if self.api_keys.get_secret_value().strip() and self.api_keys_file is not None:
            raise ValueError("set HEARTH_API_KEYS or HEARTH_API_KEYS_FILE, not both")
        return self


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _network(part: str) -> Network:
    try:
        return ip_network(part, strict=False)
    except ValueError:
        raise ValueError("give addresses or networks, by commas: 10.0.0.0/8, 192.0.2.7") from None


def load(**given: object) -> Settings:
    """Settings of the environment; ``given`` ones, the options of ``hearth serve``, go before them.

    Raises:
        SettingsError: naming each variable or option at fault and what is allowed, never its value.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [_fault(fault["loc"], fault["msg"], given) for fault in error.errors(include_input=False, include_url=False)]
        raise SettingsError("\n  - ".join(["the settings are at fault", *faults])) from None


def unknown(environment: Iterable[str]) -> list[str]:
    """What to say of each variable with the prefix that is no setting: a mistyped one is ignored without a word otherwise.

    Not a reason to refuse: Kubernetes makes such variables for a service of this name.
    """
    names = [f"HEARTH_{name.upper()}" for name in Settings.model_fields]
    strange = [name for name in sorted(environment) if name.startswith("HEARTH_") and name not in (*names, *OTHERS)]
    return [_meant(name, get_close_matches(name, names, 1, 0.8)) for name in strange]


def _meant(name: str, near: list[str]) -> str:
    return f"{name} is no setting" + (f", did you mean {near[0]}?" if near else "")


def _fault(where: tuple[int | str, ...], message: str, given: Container[str]) -> str:
    said = message.removeprefix("Value error, ")
    if not where:
        return said
    name = str(where[0])
    return f"--{name}: {said}" if name in given else f"HEARTH_{name.upper()}: {said}"
