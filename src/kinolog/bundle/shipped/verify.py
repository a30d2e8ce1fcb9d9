"""Checks a bundle of kinolog: python3 verify.py BUNDLE [--key KEY] [--head FILE] [--texts]

It needs Python 3.11 or later and the package cryptography, and nothing of kinolog: it reads the formats by itself, as a
second opinion. Exit code 0: everything holds; 1: something does not. docs/audit-bundle.md describes the formats.
"""

# fmt: off
from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NEEDED = {"commits.jsonl", "proof.txt", "heads.jsonl", "verify.py"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Members = dict[str, tuple[int, int, str]]  # offset of the content, size and SHA-256, by name
class Invalid(Exception):
    """Something does not hold."""
EXPECTED = (Invalid, InvalidSignature, InvalidTag, LookupError, ValueError, TypeError, AttributeError, ArithmeticError,
            RuntimeError, struct.error, OSError)

def need(condition: object, text: str) -> None:
    if not condition:
        raise Invalid(text)

def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()

# The archive is a ZIP of one form: stored, one time, no extra fields. Every header is made again and compared.
def read_archive(file: BinaryIO) -> Members:
    total = file.seek(0, 2)
    need(total >= 22, "archive: it is cut off")
    file.seek(total - 22)
    start = struct.unpack("<I", file.read()[16:20])[0]
    need(start <= total - 22, "archive: it does not end like a bundle")
    file.seek(start)
    tail = file.read()
    members, made, position, offset = Members(), b"", 0, 0
    while position < len(tail) - 22:
        crc, _, size, length = struct.unpack("<IIIH", tail[position + 16 : position + 30])
        name = tail[position + 46 : position + 46 + length]
        need(re.fullmatch(rb"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)?", name), f"archive: {name!r} is no name")
        text, sizes, ends = name.decode(), (crc, size, size, len(name), 0), (0, 0, 0, 0x81A40000, offset)
        need(text not in members, f"archive: {text} is there twice")
        header = struct.pack("<IHHHHHIIIHH", 0x04034B50, 10, 0, 0, 0, 33, *sizes) + name
        made += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0x030A, 10, 0, 0, 0, 33, *sizes, *ends) + name
        file.seek(offset)
        need(file.read(len(header)) == header, f"archive: the header of {text} is another one")
        digest, checksum, left = hashlib.sha256(), 0, size
        while left:
            need(part := file.read(min(left, 1 << 18)), f"archive: {text} is cut off")
            digest.update(part)
            checksum, left = zlib.crc32(part, checksum), left - len(part)
        need(checksum == crc, f"archive: {text} was changed")
        members[text] = (offset + len(header), size, digest.hexdigest())
        offset, position = offset + len(header) + size, position + 46 + length
    made += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(members), len(members), len(made), offset, 0)
    need(tail == made and start == offset, "archive: the directory at the end is another one")
    return members

def lines(file: BinaryIO, members: Members, name: str) -> Iterator[str]:
    offset, size, _ = members[name]
    file.seek(offset)
    while size:
        line = file.readline(size)
        need(line.endswith(b"\n"), f"{name}: the last line is cut off")
        size -= len(line)
        yield line[:-1].decode()

def read_json(file: BinaryIO, members: Members, name: str) -> Any:
    text = "".join(f"{line}\n" for line in lines(file, members, name))
    value = json.loads(text)
    need(json.dumps(value, indent=1, sort_keys=True) + "\n" == text, f"{name}: it has another form")
    return value

def read_manifest(file: BinaryIO, members: Members) -> Any:
    need("manifest.json" in members, "manifest.json: it is missing, so this is no bundle")
    manifest = read_json(file, members, "manifest.json")
    need(manifest["format"] == "kinolog-bundle/1", "manifest.json: the format is not kinolog-bundle/1")
    listed = [(each["name"], each["size"], each["sha256"]) for each in manifest["members"]]
    present = [(name, size, digest) for name, (_, size, digest) in members.items()]
    for one, other in zip(listed, present, strict=False):
        need(one == other, f"{other[0]}: it is not the file that the manifest lists there")
    is_whole = len(present) == len(listed) + 1 and present[-1][0] == "manifest.json"
    need(is_whole and set(members) >= NEEDED, "manifest.json: the archive has other files than it lists")
    return manifest

# The tree of RFC 6962, and its signed heads.
def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)

def roots(old: int, new: int, known: bytes | None, proof: list[bytes]) -> tuple[bytes, bytes]:
    """Return the roots over the first `old` and over all `new` leaves (RFC 6962, 2.1.2). `known` is the first one."""
    if old == new:
        root = known if known is not None else proof.pop(0)
        return root, root
    middle = 1 << ((new - 1).bit_length() - 1)
    if old <= middle:
        first, second = roots(old, middle, known, proof)
        return first, node(second, proof.pop(0))
    (first, second), left = roots(old - middle, new - middle, None, proof), proof.pop(0)
    return node(left, first), node(left, second)

def root_of(start: int, end: int, leaves: list[tuple[int, bytes]], proof: list[bytes]) -> bytes:
    """Return the root over a range with these leaves. Both lists are in reverse; what is used is taken from them."""
    if not leaves or leaves[-1][0] >= end:
        return proof.pop()
    if end - start == 1:
        return leaves.pop()[1]
    middle = start + (1 << ((end - start - 1).bit_length() - 1))
    return node(root_of(start, middle, leaves, proof), root_of(middle, end, leaves, proof))

def is_signed(note: str, origin: str, key: bytes) -> bool:
    """Return whether a note has a signature of a key under a name (C2SP signed-note). Raises InvalidSignature."""
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.split("\n"):
        signature = base64.b64decode(line.rpartition(" ")[2]) if line.startswith(f"\u2014 {origin} ") else b""
        if signature[:4] == sha256(origin.encode() + b"\n\x01" + key)[:4]:
            Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], f"{text}\n".encode())
            return True
    return False

class Head:
    """A signed head, read from a line. `names` are what names its key: a verifier key (C2SP), and its SHA-256."""
    def __init__(self, line: str) -> None:
        facts = json.loads(line)
        self.number, self.note = facts["number"], str(facts["note"])
        self.key, self.proof = bytes.fromhex(facts["key"]), list(map(bytes.fromhex, facts["consistency"]))
        self.log, size, root, self.time = self.note.split("\n")[:4]
        self.size, self.root = int(size), base64.b64decode(root)
        need(is_signed(self.note, self.log, self.key), f"heads.jsonl: head {self.number} is not signed by its key")
        hint, encoded = sha256(self.log.encode() + b"\n\x01" + self.key)[:4].hex(), base64.b64encode(b"\x01" + self.key)
        self.names = (f"{self.log}+{hint}+{encoded.decode()}", sha256(self.key).hex())

def read_heads(file: BinaryIO, members: Members, log: str) -> list[Head]:
    heads: list[Head] = []
    for head in map(Head, lines(file, members, "heads.jsonl")):
        where = f"heads.jsonl: head {head.number}"
        need(head.log == log, f"{where} is of another log")
        need(heads or not head.proof, f"{where} continues none, and has a proof")
        for last in heads[-1:]:
            need(head.number > last.number, f"{where} does not follow head {last.number}")
            need(is_signed(head.note, log, last.key), f"{where} has a key that the one before did not introduce")
            found = roots(last.size, head.size, last.root, head.proof) if 0 < last.size <= head.size else ()
            need(found == (last.root, head.root) and not head.proof, f"{where} does not continue head {last.number}")
        heads.append(head)
    return heads

def trust(heads: list[Head], key: str, mine: list[Head]) -> tuple[str, list[Head]]:
    """Return the sentence about trust, and the heads that the reader trusts. Raises Invalid if he trusts others."""
    by_key = [head for head in heads if key in head.names]
    need(by_key or not key, "heads.jsonl: no head is signed by the key that you trust")
    same = [(head, own) for head in heads for own in mine if (own.log, own.size) == (head.log, head.size)]
    for head, own in same:
        need(head.root == own.root, f"heads.jsonl: head {head.number} contradicts yours, so history was rewritten")
    known = [head for head, own in same if (head.key, head.time) == (own.key, own.time)]
    need(known or not mine, "heads.jsonl: none of your heads is in the bundle")
    if found := sorted(by_key[:1] + known[:1], key=lambda head: int(head.number)):
        return f"proved: head {found[0].number} is one that you trust", found
    return f"NOT proved: whose key it is. Compare it with its owner's, or name it with --key: {heads[-1].names[0]}", []

# Commits are messages of protobuf, read field by field.
def varint(data: bytes, at: int) -> tuple[int, int]:
    end = at
    while data[end] & 128:
        end += 1
    return sum((byte & 127) << 7 * place for place, byte in enumerate(data[at : end + 1])), end + 1

def fields(data: bytes) -> dict[int, list[Any]]:
    found, at = dict[int, list[Any]](), 0
    while at < len(data):
        tag, at = varint(data, at)
        value, start = varint(data, at) if tag & 7 in (0, 2) else ({1: 8, 5: 4}[tag & 7], at)
        at = start + value if tag & 7 else start
        need(at <= len(data), "commits.jsonl: a message is cut off")
        found.setdefault(tag >> 3, []).append(data[start:at] if tag & 7 else value)
    return found

def sub(message: bytes, *path: int, default: Any = b"") -> Any:
    """Return the last value of a field of a field; the default without one."""
    for number in path:
        message = fields(message).get(number, [default])[-1]
    return message

def artifacts_in(event: bytes) -> Iterator[tuple[str, int]]:
    """Yield SHA-256 and size of the files that an event names; -1 for a certificate, whose size it does not name."""
    inputs = [sub(each, 4) for each in fields(sub(event, 2, 1)).get(50, [])]
    for each in (*inputs, sub(event, 10, 3), sub(event, 10, 4), *fields(sub(event, 15)).get(2, [])):
        if each:
            yield sub(each, 3).decode(), sub(each, 4, default=0)
            yield sub(each, 6).decode(), -1

def texts_in(event: bytes, job: str, key: bytes) -> Iterator[tuple[str, str]]:
    """Yield the texts that an event seals, with their purposes."""
    paths = {"prompt": (2, 1, 1), "negative_prompt": (2, 1, 2), "webhook": (2, 1, 12), "title": (2, 1, 62)}
    found = {purpose: sub(event, *path) for purpose, path in (paths | {"cancel_reason": (12, 3)}).items()}
    found |= {f"scene/{sub(one, 1, default=0)}": sub(one, 2) for one in fields(sub(event, 4)).get(1, [])}
    for purpose, text in found.items():
        if text:
            yield purpose, AESGCM(key).decrypt(sub(text, 1), sub(text, 2), f"{job}\0{purpose}".encode()).decode()

class Commits:
    """The commits that were read: their jobs, files and texts."""
    def __init__(self, selection: Any, keys: dict[str, str]) -> None:
        self.selection, self.keys = selection, {job: bytes.fromhex(key) for job, key in dict(keys).items()}
        self.has_gaps = bool(selection["actor"] or selection["since"] or selection["until"])
        self.leaves, self.tails = list[tuple[int, bytes]](), dict[str, tuple[int, bytes]]()
        self.files, self.texts = dict[str, int](), dict[str, dict[str, str]]()

    def add(self, line: str) -> None:
        position, raw = (facts := json.loads(line))["position"], base64.b64decode(facts["stored_commit"])
        commit, digest, where = sub(raw, 1), sub(raw, 2), f"position {position}"
        need(sha256(commit) == digest, f"{where}: the hash of the commit is wrong")
        need(not self.leaves or self.leaves[-1][0] < position - 1, f"{where}: it is not in order")
        job, wanted, at = sub(commit, 1).decode(), self.selection, sub(commit, 9)
        time = EPOCH + timedelta(seconds=sub(at, 1, default=0), microseconds=sub(at, 2, default=0) // 1000)
        is_in = wanted["first_position"] <= position <= wanted["last_position"] and wanted["job_id"] in ("", job)
        is_in &= wanted["tenant"] in ("*", sub(commit, 4, 2).decode())
        is_in &= wanted["actor"] in ("", sub(commit, 2, 3).decode())
        is_in &= not wanted["since"] or time >= datetime.fromisoformat(wanted["since"])
        is_in &= not wanted["until"] or time < datetime.fromisoformat(wanted["until"])
        need(is_in, f"{where}: it is not one that the manifest selects")
        before, (tail, tail_hash) = sub(commit, 7, default=0), self.tails.get(job, (0, b""))
        need(tail <= before < position, f"{where}: it does not continue its job")
        need(before != tail or sub(commit, 8) == tail_hash, f"{where}: it names another commit as the one before")
        is_begun = not tail and before < wanted["first_position"]
        need(before == tail or is_begun or self.has_gaps, f"{where}: the commit before it, at {before}, is missing")
        self.tails[job] = (position, digest)
        self.leaves.append((position - 1, sha256(b"\x00" + raw)))
        for event in fields(commit).get(3, []):
            self.files |= {sha: size for sha, size in artifacts_in(event) if sha}
            if job in self.keys:
                self.texts.setdefault(job, {}).update(texts_in(event, job, self.keys[job]))

def verify(file: BinaryIO, key: str = "", known: str = "") -> tuple[list[str], Commits]:
    """Return sentences of what is proved, and the commits. Raises EXPECTED for what fails first."""
    members = read_archive(file)
    manifest = read_manifest(file, members)
    heads = read_heads(file, members, manifest["log"])
    sentence, anchors = trust(heads, key, [Head(line) for line in known.splitlines() if line.strip()])
    said = [f"proved: the archive is what its manifest lists ({len(members)}), and no more", sentence]
    commits = Commits(manifest["selection"], read_json(file, members, "keys.json") if "keys.json" in members else {})
    for line in lines(file, members, "commits.jsonl"):
        commits.add(line)
    proof = [bytes.fromhex(line) for line in lines(file, members, "proof.txt")][::-1]
    (head,) = [each for each in heads if each.number == manifest["head"]]
    count, leaves, wanted = len(commits.leaves), commits.leaves[::-1], commits.selection
    need(count and count == manifest["commits"], f"commits.jsonl: the manifest lists another number than {count}")
    whole = root_of(0, head.size, leaves, proof) == head.root and not leaves and not proof
    need(whole, f"proof.txt: the commits are not all in the tree of head {head.number}")
    is_part = commits.has_gaps or wanted["tenant"] != "*" or wanted["job_id"]
    need(is_part or count == wanted["last_position"] - wanted["first_position"] + 1, "commits.jsonl: some are left out")
    for first in anchors[:1]:  # a head before it proves a time only with a key that is trusted
        head = head if head.number >= first.number or head.key in [each.key for each in anchors] else first
    said.append(f"proved: in the log, signed {head.time.split()[-1]}: commits {count}, jobs {len(commits.tails)}")
    here = {name[6:].split(".")[0]: (size, sha) for name, (_, size, sha) in members.items() if name[:6] == "files/"}
    for name, (size, sha) in here.items():
        need(name == sha and commits.files.get(sha) in (size, -1), f"files/{name}: no commit names this file")
    need(commits.files.keys() - here == set(manifest["missing_files"]), "manifest.json: other files are missing")
    need((keys := commits.keys).keys() == commits.texts.keys(), "keys.json: a key unseals nothing")
    said.append(f"proved: files that commits name: {len(here)}; not here: {len(commits.files) - len(here)}")
    said.append(f"proved: texts unseal, of jobs: {len(keys)}" if keys else "NOT proved: texts, which are sealed")
    return said, commits

def main() -> int:
    parser = argparse.ArgumentParser(description="Check a bundle of kinolog.")
    parser.add_argument("bundle")
    parser.add_argument("--key", help="the key of the log, as its owner publishes it")
    parser.add_argument("--head", help="a file with heads that you have")
    parser.add_argument("--texts", action="store_true", help="print prompts and other texts, if the bundle has keys")
    asked = parser.parse_args()
    try:
        need(asked.key != "" and asked.head != "", "--key and --head must name what you trust")
        known = "" if asked.head is None else Path(asked.head).read_text("utf-8")
        need(known.strip() or asked.head is None, f"{asked.head} has no head")
        with open(asked.bundle, "rb") as file:
            said, commits = verify(file, asked.key or "", known)
    except EXPECTED as error:
        texts = {InvalidSignature: "heads.jsonl: a signature is wrong", InvalidTag: "keys.json: a key unseals no text"}
        what = error if isinstance(error, Invalid) else texts.get(type(error), f"this is no bundle: {error!r}")
        print(f"INVALID {asked.bundle}: {what}")
        return 1
    print("\n".join([f"VALID {asked.bundle}", *said, *([json.dumps(commits.texts)] if asked.texts else [])]))
    return 0

if __name__ == "__main__":
    raise SystemExit(main())
