"""What the settings of every process have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "KINOLOG_"

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _log_level(value: str) -> str:
    level = value.upper()
    if level not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return level


def _split_at_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


COMMA_SEPARATED = BeforeValidator(_split_at_commas)
"""How a list is written in a variable. Its field needs `NoDecode` too, for pydantic reads lists as JSON."""
LogLevelName = Annotated[str, AfterValidator(_log_level)]


class ProcessSettings(BaseSettings):
    """The settings of every process: logging.

    An empty variable of a setting that is None by default is not set. Compose files cannot leave a variable out.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    log_level: LogLevelName = Field(
        "INFO", description="Least severe level that is logged: DEBUG, INFO, WARNING, ERROR."
    )
    log_format: str = Field(
        "text", pattern="^(text|json)$", description="`text` for people, `json` for machines."
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        fields = cls.model_fields
        optional = {name for name in values if name in fields and fields[name].default is None}
        return {name: value for name, value in values.items() if value != "" or name not in optional}
