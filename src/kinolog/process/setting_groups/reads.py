"""Settings of the record of reads."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from kinolog.process.setting_groups.common import ProcessSettings


class RecordedReads(StrEnum):
    """Which reads are stored."""

    TEXTS_AND_FILES = "texts-and-files"
    """Those of files of jobs, of texts of users, and of the record itself."""
    ALL = "all"


class ReadRetentionSettings(ProcessSettings):
    """For how long reads are stored."""

    reads_days: int = Field(
        90,
        ge=1,
        le=36_500,
        description="Recorded reads are deleted after this many days, with the keys of addresses.",
    )


class RecordedReadSettings(ReadRetentionSettings):
    """Which reads are stored, of the api."""

    record_reads: RecordedReads = Field(
        RecordedReads.TEXTS_AND_FILES,
        description="Which reads are recorded: `texts-and-files` for those of videos and other files, of prompts and "
        "other texts of users, and of the record, which are always recorded; `all` for charts, models and so on too.",
    )

    reads_stream_bytes: int = Field(
        8 << 30,
        ge=1 << 20,
        description="No reads are stored while their stream has this many bytes, as when the projector is away for "
        "long: they are counted. It should be twice `KINOLOG_READS_BYTES` of the projector.",
    )


class ReadArchiveSettings(ReadRetentionSettings):
    """How many reads are stored, of the projector."""

    reads_bytes: int = Field(
        4 << 30, ge=1 << 20, description="The oldest recorded reads are deleted beyond this many bytes."
    )
