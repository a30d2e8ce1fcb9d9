"""A timestamp authority (RFC 3161) on this machine, with a certificate of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SHA256 = {"algorithm": "sha256"}
SEQUENCE = 0x30
"""The tag of an answer. The library has no answer without a token."""


@dataclass(slots=True)
class TimestampAuthority:
    """What it signs with. With `refuses` it rejects all requests; with `stamps` it stamps another hash."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    port: int = 0
    refuses: bool = False
    stamps: bytes = b""
    requests: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/tsr"

    def answer(self, query: bytes) -> bytes:
        """Return the answer to a request."""
        self.requests.append(query)
        if self.refuses:
            status = tsp.PKIStatusInfo({"status": "rejection", "status_string": ["not today"]}).dump()
            return bytes((SEQUENCE, len(status), *status))
        request = tsp.TimeStampReq.load(query)
        imprint = request["message_imprint"].copy()
        if self.stamps:
            imprint["hashed_message"] = self.stamps
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.1",
                "message_imprint": imprint,
                "serial_number": len(self.requests),
                "gen_time": datetime.now(UTC).replace(microsecond=0),
                "nonce": request["nonce"].native,
            }
        )
        token = cms.ContentInfo({"content_type": "signed_data", "content": self._signed(info)})
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def _signed(self, info: tsp.TSTInfo) -> cms.SignedData:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        certificate = asn1_x509.Certificate.load(der)
        certificate_id = tsp.ESSCertIDv2({"hash_algorithm": SHA256, "cert_hash": sha256(der).digest()})
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [sha256(info.dump()).digest()]}),
                cms.CMSAttribute(
                    {
                        "type": "signing_certificate_v2",
                        "values": [tsp.SigningCertificateV2({"certs": [certificate_id]})],
                    }
                ),
            ]
        )
        signature = self.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256())
        signer = cms.IssuerAndSerialNumber(
            {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        )
        return cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm(SHA256)],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(info.dump()),
                },
                "certificates": [certificate],
                "signer_infos": [
                    {
                        "version": "v1",
                        "sid": cms.SignerIdentifier({"issuer_and_serial_number": signer}),
                        "digest_algorithm": SHA256,
                        "signed_attrs": attributes,
                        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
                        "signature": signature,
                    }
                ],
            }
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines[1:-2])
                answer = self.answer(await reader.readexactly(int(headers["content-length"])))
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {len(answer)}"
                writer.write(f"{head}\r\n\r\n".encode() + answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def timestamp_authority() -> AsyncIterator[TimestampAuthority]:
    """Listen on a port of this machine."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = TimestampAuthority(key, certificate)
    server = await asyncio.start_server(authority.serve, "127.0.0.1", 0)
    authority.port = server.sockets[0].getsockname()[1]
    try:
        yield authority
    finally:
        server.close()
