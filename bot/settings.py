"""Settings: the only reader of the environment and of `.env`.

An invalid value aborts the start with a one-line explanation, which never shows the value, since it may be a token.
"""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crm_core.api.loopback import is_loopback
from crm_core.storage.region import DEFAULT_REGION

SECRETS = ("BOT_TOKENS", "DATABASE_URL", "MIGRATION_DATABASE_URL", "WEBHOOK_SECRET", "TELEGRAM_PROXY")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")  # as browsers write it
_TOKEN = re.compile(r"\d{3,}:[\w-]{8,}")
# Checked here without SQLAlchemy, whose import would take `mini-crm health` and `migrate` half a second.
_DATABASE = re.compile(r"sqlite:///(?!:memory:)[^?]+|postgresql(\+psycopg)?://[^/]*/[^/?]+(\?.*)?")


class BadSettings(Exception):
    """Settings are invalid; the text says which, and what would be valid, a line each."""


class Settings(BaseSettings):
    """All settings. Secrets may come from files: `BOT_TOKENS_FILE=/run/secrets/…`."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    bot_tokens: Annotated[list[str], NoDecode] = Field(default=[], repr=False)
    admin_ids: Annotated[list[int], NoDecode] = []
    database_url: str = Field(default="sqlite:///data/mini_crm.db", repr=False)
    migration_database_url: str | None = Field(default=None, repr=False)
    telegram_api_url: str = "https://api.telegram.org"
    telegram_proxy: str | None = Field(default=None, repr=False)
    webhook_url: str | None = None
    webhook_secret: str | None = Field(default=None, repr=False)
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    first_api_key_to: Path | None = None
    cors_origins: Annotated[list[str], NoDecode] = []
    trusted_proxies: Annotated[list[str], NoDecode] = []
    default_language: Literal["ru", "en"] = "ru"
    default_region: str = DEFAULT_REGION
    timezone: str = "UTC"
    remind_after: Annotated[list[int], NoDecode] = [5, 15]
    remind_admins_after: int = 20
    backup_keep: int = 7
    backup_at: str = "03:30"
    backup_dir: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @property
    def bot_ids(self) -> list[int]:
        """The numeric ids of the bots, which their tokens begin with."""
        return [int(token.partition(":")[0]) for token in self.bot_tokens]

    @field_validator("bot_tokens", mode="before")
    @classmethod
    def _split_tokens(cls, value: Any) -> Any:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value

    @field_validator("bot_tokens")
    @classmethod
    def _check_tokens(cls, tokens: list[str]) -> list[str]:
        for number, token in enumerate(tokens, start=1):
            if not _TOKEN.fullmatch(token):
                raise ValueError(f"token {number} does not look like 123456789:AA…; copy it whole from @BotFather")
        if len({token.split(":")[0] for token in tokens}) != len(tokens):
            raise ValueError("the same bot is named twice; each bot needs one token")
        return tokens

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: list[str]) -> list[str]:
        if not all(_ORIGIN.fullmatch(one) for one in origins):
            raise ValueError("addresses of sites without a path are needed, comma separated: https://shop.example.com")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: list[str]) -> list[str]:
        try:
            for one in proxies:
                ip_network(one)
        except ValueError:
            raise ValueError("addresses or networks are needed, comma separated: 127.0.0.1, 10.0.0.0/8") from None
        return proxies

    @field_validator("admin_ids", mode="before")
    @classmethod
    def _split_ids(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        ids = [one.strip() for one in value.split(",") if one.strip()]
        if not all(one.isdecimal() for one in ids):
            raise ValueError("numeric Telegram ids are needed, comma separated; @usernames change hands")
        return ids

    @field_validator("remind_after", mode="before")
    @classmethod
    def _split_minutes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        minutes = [one.strip() for one in value.split(",") if one.strip()]
        if not all(re.fullmatch(r"[0-9]{1,4}", one) for one in minutes):
            raise ValueError("minutes are needed, comma separated: 5,15; or 0 for no reminders")
        return sorted({int(one) for one in minutes} - {0})

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _check_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            is_known = _DATABASE.fullmatch(value) is not None
            urlsplit(value).port  # noqa: B018 - it raises for a port that is no number
        except ValueError:
            is_known = False
        if not is_known:
            raise ValueError("sqlite:///path/to/file.db or postgresql://user:password@host/name is needed")
        return value

    @field_validator("telegram_api_url", "webhook_url")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^\s/]+", value):
            raise ValueError("an address that begins with https:// is needed")
        return value.rstrip("/") if value else value

    @field_validator("webhook_url")
    @classmethod
    def _check_encrypted(cls, value: str | None) -> str | None:
        if value is not None and is_plain_http(value):
            raise ValueError("an address that begins with https:// is needed: Telegram delivers to no other")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value):
            raise ValueError("16 to 256 letters, digits, - or _ are needed")
        return value

    @field_validator("default_region")
    @classmethod
    def _check_region(cls, value: str) -> str:
        from phonenumbers import SUPPORTED_REGIONS  # for this alone it would be loaded at each start

        region = value.strip().upper()
        if region not in SUPPORTED_REGIONS:
            raise ValueError("the two letters of a country are needed, such as RU, DE or US")
        return region

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("a name such as Europe/Moscow is needed") from None
        return value

    @field_validator("remind_admins_after")
    @classmethod
    def _check_minutes(cls, value: int) -> int:
        if not 0 <= value <= 9999:
            raise ValueError("a number of minutes from 1 to 9999 is needed, or 0 for never")
        return value

    @field_validator("backup_keep")
    @classmethod
    def _check_keep(cls, value: int) -> int:
        if not 0 <= value <= 1000:
            raise ValueError("a number of nightly backups from 1 to 1000 is needed, or 0 for none")
        return value

    @field_validator("backup_at")
    @classmethod
    def _check_time(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("a time of day such as 03:30 is needed")
        return value

    @field_validator("http_port")
    @classmethod
    def _check_port(cls, value: int) -> int:
        if not 0 <= value <= 65535:
            raise ValueError("a port from 1 to 65535 is needed, or 0 for any that is free")
        return value


def is_plain_http(address: str) -> bool:
    """Whether what is sent to an address can be read on its way: HTTP to another machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment and `.env`. Raises BadSettings with a line for each invalid one.

    Args:
        overrides: values that win over both, for tests and the demo.
    """
    try:
        settings = Settings(**{**_from_files(), **overrides})
    except ValidationError as error:
        lines = [
            f"{'_'.join(map(str, one['loc'][:1])).upper()}: {_reason(one)}" for one in error.errors(include_input=False)
        ]
        raise BadSettings("\n".join(dict.fromkeys(lines))) from None
    if settings.webhook_url and not settings.webhook_secret:
        raise BadSettings("WEBHOOK_SECRET: needed with WEBHOOK_URL; 16 to 256 random letters, digits, - or _")
    _check_same_database(settings.database_url, settings.migration_database_url)
    return settings


def _check_same_database(url: str, migrating: str | None) -> None:
    if migrating is None:
        return
    if url.startswith("sqlite") or migrating.startswith("sqlite"):
        raise BadSettings("MIGRATION_DATABASE_URL: another account of PostgreSQL; a SQLite file has no accounts")
    if urlsplit(url).path != urlsplit(migrating).path:
        raise BadSettings("MIGRATION_DATABASE_URL: it must name the same database as DATABASE_URL")


def _reason(error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "literal_error":
        return f"one of {error['ctx']['expected']} is needed"
    return str(error["msg"])


def _from_files() -> dict[str, str]:
    """Values of secrets whose `NAME_FILE` is set."""
    values = {}
    for name in SECRETS:
        path = os.environ.get(f"{name}_FILE")
        if path:
            try:
                values[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except OSError:
                raise BadSettings(f"{name}_FILE: the file cannot be read; check its path and who may read it") from None
    return values
