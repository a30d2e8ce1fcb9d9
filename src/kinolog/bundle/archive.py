"""The archive of a bundle: a ZIP file in one form only, so that every byte of it is either content or follows from it.

Members are stored, not compressed. They have no extra fields, no comments, and one time. A reader makes local headers
and central directory again from names, sizes and checksums, and accepts no other bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO
from zlib import crc32

from kinolog.counts import counted

MAX_BYTES = 2**32 - 2
"""Most bytes of an archive: larger ones have another form of ZIP."""
MAX_MEMBERS = 2**16 - 2
CHUNK_BYTES = 1 << 18
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(?:/[a-z0-9][a-z0-9._-]{0,99})?")
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LOCAL_FORM, _CENTRAL_FORM, _END_FORM = "<4sHHHHHIIIHH", "<4sHHHHHHIIIHHHHHII", "<4sHHHHIIH"
_LOCAL_BYTES, _CENTRAL_BYTES, _END_BYTES = 30, 46, 22
_VERSION, _MADE_ON_UNIX, _PLAIN_FILE = 10, 3 << 8, 0o100644 << 16
_DATE = 33
"""1 January 1980, the first one of ZIP."""


class ArchiveInvalid(Exception):
    """The bytes are no archive of a bundle. The message says where, and what is wrong."""


class ArchiveTooLarge(Exception):
    """The archive would be larger than `MAX_BYTES`, or have more than `MAX_MEMBERS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """A file in the archive. `offset` is where its local header begins."""

    name: str
    size: int
    crc: int
    sha256: str
    offset: int

    @property
    def content_offset(self) -> int:
        """Where the content begins."""
        return self.offset + _LOCAL_BYTES + len(self.name)

    @property
    def end(self) -> int:
        """Where what follows the content begins."""
        return self.content_offset + self.size

    def local_header(self) -> bytes:
        """Return the header before the content."""
        fields = (_VERSION, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(self.name), 0)
        return struct.pack(_LOCAL_FORM, _LOCAL, *fields) + self.name.encode()

    def central_header(self) -> bytes:
        """Return the entry in the directory at the end."""
        facts = (_MADE_ON_UNIX | _VERSION, _VERSION, 0, 0, 0, _DATE, self.crc, self.size, self.size)
        rest = (len(self.name), 0, 0, 0, 0, _PLAIN_FILE, self.offset)
        return struct.pack(_CENTRAL_FORM, _CENTRAL, *facts, *rest) + self.name.encode()


def directory_of(members: Sequence[ArchiveMember]) -> bytes:
    """Return what follows the last content: the central directory and the end of the archive."""
    headers = [member.central_header() for member in members]
    end = max((member.end for member in members), default=0)
    entries = b"".join(headers)
    count = len(headers)
    return entries + struct.pack(_END_FORM, _END, 0, 0, count, count, len(entries), end, 0)


class MemberWriter:
    """Takes the content of one member."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self._hash = sha256()
        self.crc = self.size = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, content: bytes) -> None:
        """Append content. Raises `ArchiveTooLarge`, `OSError`."""
        if self._start + self.size + len(content) > MAX_BYTES:
            raise ArchiveTooLarge
        self._file.write(content)
        self._hash.update(content)
        self.crc = crc32(content, self.crc)
        self.size += len(content)


class ArchiveWriter:
    """Writes an archive into a file that can seek, from its beginning on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members: list[ArchiveMember] = []
        self._end = 0

    @contextmanager
    def member(self, name: str) -> Iterator[MemberWriter]:
        """Yield what takes the content of the next member. Raises `ArchiveTooLarge`, `OSError`."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a member")
        if len(self.members) >= MAX_MEMBERS:
            raise ArchiveTooLarge
        self._file.seek(self._end)
        empty = ArchiveMember(name=name, size=0, crc=0, sha256="", offset=self._end)
        self._file.write(empty.local_header())
        writer = MemberWriter(self._file, empty.content_offset)
        yield writer
        member = ArchiveMember(
            name=name, size=writer.size, crc=writer.crc, sha256=writer.sha256, offset=self._end
        )
        self._file.seek(self._end)
        self._file.write(member.local_header())
        self.members.append(member)
        self._end = member.end

    def add(self, name: str, content: bytes) -> None:
        """Add a member."""
        with self.member(name) as writer:
            writer.write(content)

    def finish(self) -> int:
        """Write the directory. Return the size of the archive. Raises `ArchiveTooLarge`, `OSError`."""
        directory = directory_of(self.members)
        if self._end + len(directory) > MAX_BYTES:
            raise ArchiveTooLarge
        self._file.seek(self._end)
        self._file.write(directory)
        return self._end + len(directory)


def read_archive(file: BinaryIO) -> list[ArchiveMember]:
    """Return the members of an archive, with the hashes that their contents have. Raises `ArchiveInvalid`, `OSError`.

    It reads every byte once.
    """
    size = file.seek(0, 2)
    if size < _END_BYTES:
        raise ArchiveInvalid(f"the archive has {counted(size, 'byte')}: it is cut off, or no bundle")
    members, directory = [], _directory(file, size)
    at = 0
    for name, content_bytes, crc in _entries(directory):
        file.seek(at)
        claimed = ArchiveMember(name=name, size=content_bytes, crc=crc, sha256="", offset=at)
        if file.read(claimed.content_offset - at) != claimed.local_header():
            raise ArchiveInvalid(f"the header of {name} at byte {at} is not that of a bundle")
        found = _measured(file, claimed)
        members.append(found)
        at = found.end
    if len({member.name for member in members}) != len(members):
        raise ArchiveInvalid("two members have one name")
    if at + len(directory) != size or directory_of(members) != directory:
        raise ArchiveInvalid(
            "the directory at the end is not that of the members, or other bytes are between"
        )
    return members


def content_of(file: BinaryIO, member: ArchiveMember) -> Iterator[bytes]:
    """Yield the content of a member in chunks."""
    file.seek(member.content_offset)
    left = member.size
    while left:
        chunk = file.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise ArchiveInvalid(f"{member.name} is cut off")
        left -= len(chunk)
        yield chunk


def _directory(file: BinaryIO, size: int) -> bytes:
    """Return the bytes from the beginning of the central directory on."""
    file.seek(size - _END_BYTES)
    last = file.read(_END_BYTES)
    signature, _, _, _, _, _, begin, _ = struct.unpack(_END_FORM, last)
    if signature != _END or begin > size - _END_BYTES:
        raise ArchiveInvalid("the archive does not end like a bundle: it is cut off, changed, or no bundle")
    file.seek(begin)
    return file.read()


def _entries(directory: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and checksum of each member, as the directory has them."""
    at, end = 0, len(directory) - _END_BYTES
    while at < end:
        if end - at < _CENTRAL_BYTES:
            raise ArchiveInvalid("the directory at the end is cut off")
        fields = struct.unpack_from(_CENTRAL_FORM, directory, at)
        crc, content_bytes, name_bytes = fields[7], fields[8], fields[10]
        name = directory[at + _CENTRAL_BYTES : at + _CENTRAL_BYTES + name_bytes].decode("ascii", "replace")
        if not _NAME.fullmatch(name):
            raise ArchiveInvalid(f"{name!r} is no name of a member of a bundle")
        yield name, content_bytes, crc
        at += _CENTRAL_BYTES + name_bytes


def _measured(file: BinaryIO, claimed: ArchiveMember) -> ArchiveMember:
    """Return a member with the hash of its content. Raises `ArchiveInvalid` for another checksum."""
    crc, hashed = 0, sha256()
    for chunk in content_of(file, claimed):
        crc = crc32(chunk, crc)
        hashed.update(chunk)
    if crc != claimed.crc:
        raise ArchiveInvalid(f"{claimed.name} was changed: its checksum does not match")
    return ArchiveMember(
        name=claimed.name, size=claimed.size, crc=crc, sha256=hashed.hexdigest(), offset=claimed.offset
    )
