"""Settings of encrypted connections: certificates of the servers, and of processes as their clients."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from kinolog.connections.tls import ClientCertificate, ServerCertificate
from kinolog.process.setting_groups.common import ProcessSettings

_AUTHORITY = (
    "PEM file of authorities: clients must show a certificate that one of them issued. It identifies nobody."
)


def _check_pair(certificate: Path | None, key: Path | None, name: str) -> None:
    """Raise ValueError if a certificate comes without its key, or a key without its certificate."""
    if (certificate is None) != (key is None):
        raise ValueError(f"{name}_CERTIFICATE and {name}_KEY come together: set both, or none")


def _server(
    certificate: Path | None, key: Path | None, authority: Path | None, name: str
) -> ServerCertificate | None:
    """Return a server's certificate; None without one. Raises ValueError if only a part of it is set."""
    _check_pair(certificate, key, name)
    if certificate is None or key is None:
        if authority is not None:
            raise ValueError(
                f"{name}_CLIENT_CA needs {name}_CERTIFICATE and {name}_KEY: without them nothing is encrypted"
            )
        return None
    return ServerCertificate(certificate=certificate, key=key, client_authority=authority)


def _client(
    authority: Path | None, certificate: Path | None, key: Path | None, name: str
) -> ClientCertificate | None:
    """Return what a client trusts and shows; None without either. Raises ValueError if a half of a pair is missing."""
    _check_pair(certificate, key, name)
    if authority is None and certificate is None:
        return None
    return ClientCertificate(authority=authority, certificate=certificate, key=key)


class GatewayTlsSettings(ProcessSettings):
    """The certificate of the gateway, and how it reaches an api with one."""

    gateway_tls_certificate: Path | None = Field(
        None,
        description="PEM file: the gateway's certificate and those up to its root. It serves https:// then.",
    )
    gateway_tls_key: Path | None = Field(
        None, description="PEM file with the private key of that certificate."
    )
    gateway_tls_client_ca: Path | None = Field(None, description=_AUTHORITY)
    api_ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities that issued the api's certificate. The api is called encrypted "
        "then, and only so.",
    )
    api_client_certificate: Path | None = Field(
        None, description="PEM file: the certificate that the gateway shows to the api."
    )
    api_client_key: Path | None = Field(
        None, description="PEM file with the private key of that certificate."
    )

    @model_validator(mode="after")
    def _gateway_files_belong_together(self) -> GatewayTlsSettings:
        self.gateway_certificate()
        if self.api_certificate() is not None and self.api_ca_file is None:
            raise ValueError(
                "KINOLOG_API_CLIENT_CERTIFICATE needs KINOLOG_API_CA_FILE: without it nothing is encrypted"
            )
        return self

    def gateway_certificate(self) -> ServerCertificate | None:
        """Return the certificate of the gateway; None if it has none."""
        found = self.gateway_tls_certificate, self.gateway_tls_key, self.gateway_tls_client_ca
        return _server(*found, "KINOLOG_GATEWAY_TLS")

    def api_certificate(self) -> ClientCertificate | None:
        """Return what the gateway trusts and shows as a client of the api; None for a plain connection."""
        return _client(
            self.api_ca_file, self.api_client_certificate, self.api_client_key, "KINOLOG_API_CLIENT"
        )


class ApiTlsSettings(ProcessSettings):
    """The certificate of the api."""

    api_tls_certificate: Path | None = Field(
        None,
        description="PEM file: the api's certificate and those up to its root. It serves only encrypted calls then.",
    )
    api_tls_key: Path | None = Field(None, description="PEM file with the private key of that certificate.")
    api_tls_client_ca: Path | None = Field(None, description=_AUTHORITY)

    @model_validator(mode="after")
    def _api_files_belong_together(self) -> ApiTlsSettings:
        self.server_certificate()
        return self

    def server_certificate(self) -> ServerCertificate | None:
        """Return the certificate of the api; None if it has none."""
        return _server(self.api_tls_certificate, self.api_tls_key, self.api_tls_client_ca, "KINOLOG_API_TLS")


class NatsTlsSettings(ProcessSettings):
    """How processes trust the broker, and what they show to it."""

    nats_ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities that issued the broker's certificate; without it those of the system. "
        "With it, or with tls:// in the URL, only encrypted connections are made.",
    )
    nats_certificate: Path | None = Field(
        None, description="PEM file: the certificate that this process shows to the broker."
    )
    nats_key: Path | None = Field(None, description="PEM file with the private key of that certificate.")

    @model_validator(mode="after")
    def _nats_files_belong_together(self) -> NatsTlsSettings:
        self.nats_certificates()
        return self

    def nats_certificates(self) -> ClientCertificate | None:
        """Return what a process trusts and shows as a client of the broker; None if nothing is set."""
        return _client(self.nats_ca_file, self.nats_certificate, self.nats_key, "KINOLOG_NATS")


class ClientTlsSettings(ProcessSettings):
    """How the command line and the dashboard trust the gateway, and what they show to it."""

    ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities that issued the gateway's certificate; without it the system's.",
    )
    client_certificate: Path | None = Field(
        None, description="PEM file: the certificate that the client shows to the gateway."
    )
    client_key: Path | None = Field(None, description="PEM file with the private key of that certificate.")

    @model_validator(mode="after")
    def _client_files_belong_together(self) -> ClientTlsSettings:
        _check_pair(self.client_certificate, self.client_key, "KINOLOG_CLIENT")
        return self
