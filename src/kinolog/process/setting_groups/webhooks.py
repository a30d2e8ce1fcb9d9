"""Which addresses webhooks may have, and how long they are called."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from kinolog.network_addresses import Network
from kinolog.process.setting_groups.common import COMMA_SEPARATED
from kinolog.process.setting_groups.mail import MailRecipientSettings, MailSettings
from kinolog.webhooks.address import AddressRules
from kinolog.webhooks.retries import RETRY_SECONDS


class WebhookAddressSettings(MailRecipientSettings):
    """Which addresses webhooks may have. The api checks them when they are given, the projector at every call."""

    webhook_http: bool = Field(
        False, description="Allow webhooks over http://, whose messages others can read on their way."
    )
    webhook_networks: Annotated[list[Network], NoDecode, COMMA_SEPARATED] = Field(
        default_factory=list,
        description="Networks that webhooks may reach although they are not public, such as 10.0.0.0/8, separated "
        "by commas.",
    )

    @property
    def webhook_rules(self) -> AddressRules:
        """The settings as rules."""
        networks = tuple(ip_network(network) for network in self.webhook_networks)
        recipients = (frozenset(self.mail_recipients),) if self.smtp_url else ()
        return AddressRules(allow_http=self.webhook_http, networks=networks, recipients=recipients)


class WebhookSettings(MailSettings, WebhookAddressSettings):
    """How webhooks are called."""

    webhook_retry_seconds: Annotated[list[Annotated[float, Field(ge=0.0)]], NoDecode, COMMA_SEPARATED] = (
        Field(
            default_factory=lambda: list(RETRY_SECONDS),
            max_length=30,
            description="Pauses after each failed call of a webhook, in seconds, separated by commas. After the last "
            "one the delivery has failed.",
        )
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+[^\s?#]*)?$",
        description="Address under which clients reach the gateway, such as https://kinolog.example. Links in "
        "webhooks and e-mail begin with it.",
    )
