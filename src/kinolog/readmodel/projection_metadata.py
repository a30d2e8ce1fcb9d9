"""What all tables of the schema `projection` share: its name and the types of columns."""

from __future__ import annotations

from sqlalchemy import MetaData, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

PROJECTION_SCHEMA = "projection"

projection = MetaData(schema=PROJECTION_SCHEMA)

Key = Text(collation="C")
"""Ids and enumerations: compared byte by byte, whatever the locale of the database."""

Time = TIMESTAMP(timezone=True)
