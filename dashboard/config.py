"""The settings: one frozen object, read once at the start.

Owns: names, defaults, allowed values and their explanation (the same text is the command line's help). `run.py` calls
`load`, nobody else reads the environment; `app.py` hands each part its own slice.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dashboard.errors import BadSetting

Words = Annotated[tuple[str, ...], NoDecode]
SECRET = ("secret_key", "api_keys", "operator_key", "database_url", "user_api_url")
ORIGIN = re.compile(r"\*|https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
"""An origin as browsers write it."""
DEMO_RATE_LIMITS = (
    "login:300/minute/address, score:600/minute/player, publish:300/minute/address, user:10/second/address"
)
"""What RATE_LIMITS is under `--demo` unless it is set: the players stay below it, a reader in a hurry does not."""
SHOWN = 100
"""So many characters of a bad value are shown."""


class Settings(BaseSettings):
    """Every setting. Each comes from a flag, else the environment, else the file `.env`, else its default."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore")

    host: str = Field("127.0.0.1", description="address to listen on; anything but loopback needs API_KEYS")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one and prints it")
    redis_url: str | None = Field(
        None,
        repr=False,  # it may hold a password
        description="redis://, rediss:// or unix:// address of a Redis >= 6.2 or Valkey; unset: an embedded store",
    )
    data_dir: Path = Field(Path("data"), description="folder of the embedded store and the SQLite database")
    database_url: str | None = Field(
        None,
        repr=False,
        description="postgresql:// or sqlite:/// address of the SQL database; unset: scorecast.db in the data folder",
    )
    user_api_url: str | None = Field(
        None,
        repr=False,
        description="http(s) address under which users are asked for at /{id}; unset: they are in the database",
    )
    cache_ttl_s: int = Field(60, ge=1, le=86400, description="how long a cached user counts as fresh, in seconds")
    durability: Literal["always", "everysec", "replicated"] = Field(
        "always",
        description="when a score is acknowledged: `always` after its sync to disk, `everysec` after its write (a crash "
        "may lose 2 s), `replicated` (needs REDIS_URL) when one replica has it",
    )
    secret_key: str | None = Field(
        None,
        repr=False,
        description="a long random text that keys the digests of session ids; the same at all instances; a new one signs "
        "everybody out",
    )
    api_keys: Words = Field(
        (),
        repr=False,
        description="comma-separated keys of which one must come with every write (X-API-Key); unset: none needed",
    )
    operator_key: str | None = Field(
        None, repr=False, description="key for what only operators may do, such as removing a player"
    )
    allowed_origins: Words = Field(
        (),
        description="comma-separated origins whose pages may connect besides our own, e.g. https://game.example; * is all",
    )
    boards: Literal["open", "declared"] = Field(
        "open", description="`open`: the first score makes a board; `declared`: only PUT does"
    )
    rate_limits: str = Field(
        "login:300/minute/address",
        description="comma-separated guard:count/period[/subject][/algorithm], e.g. score:600/minute/key, "
        "login:10/minute/address/sliding; empty is none. See docs/rate-limits.md",
    )
    tick_ms: int = Field(
        100, ge=20, le=5000, description="how often changed boards are sent to viewers, in milliseconds"
    )
    workers: int = Field(
        1, ge=0, le=16, description="how many workers of each kind the server carries; 0: run them apart (`worker`)"
    )
    async_mode: Literal["eventlet", "threading"] = Field(
        "eventlet", description="how the server runs (not from .env: it is needed before that file is read)"
    )
    log_format: Literal["text", "json"] = Field("text", description="log lines for people or for machines")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        """An empty value means the default, but for the limits it means none."""
        return {name: value for name, value in given.items() if value != "" or name == "rate_limits"}

    @field_validator("api_keys", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("allowed are origins such as https://game.example, without a path, or *")
        return value

    @field_validator("user_api_url")
    @classmethod
    def _user_api(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("allowed is an http or https address such as https://api.example/users, without ? and #")
        return value

    @model_validator(mode="after")
    def _together(self) -> "Settings":
        if self.durability == "replicated" and self.redis_url is None:
            raise ValueError("DURABILITY=replicated: the embedded store has no replica; set REDIS_URL, or use always")
        if not self.is_loopback and not self.api_keys:
            raise ValueError(
                f"HOST={self.host}: others can reach this address, so writes need a key; set API_KEYS=<a long random text> "
                "or listen on 127.0.0.1"
            )
        return self

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can reach the address."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


def load(**flags: Any) -> Settings:
    """The settings, with the flags that were given on top. Raises BadSetting: one line with variable, value, remedy."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise BadSetting(_one_line(error)) from None
    except UnicodeDecodeError:
        raise BadSetting(".env: not UTF-8 text") from None


def for_demo(settings: Settings) -> Settings:
    """The same with DEMO_RATE_LIMITS, unless somebody set some."""
    if "rate_limits" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"rate_limits": DEMO_RATE_LIMITS})


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0])
    value = "(hidden)" if name in SECRET else " ".join(str(first["input"]).split())
    if len(value) > SHOWN:
        value = value[: SHOWN - 1] + "…"
    if first["type"] == "literal_error":
        message = f"allowed: {first['ctx']['expected']}"
    elif bounds := {
        type(m).__name__: m for m in Settings.model_fields[name].metadata if type(m).__name__ in ("Ge", "Le")
    }:
        message = f"allowed: a whole number from {bounds['Ge'].ge} to {bounds['Le'].le}"
    return f"{name.upper()}={value}: {message}"
