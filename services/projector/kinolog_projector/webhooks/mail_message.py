"""E-mail about an event of a job, made from the message that webhooks get about it. It has no word of a user."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from kinolog.webhooks.mail_server import ENCODED_WORD

_LINKS = (("Job", "page"), ("Video", "video"))
_TITLES = {
    "job.started": "has started",
    "job.completed": "is completed",
    "job.failed": "has failed",
    "job.cancelled": "was cancelled",
    "job.erased": "was erased",
}


def mail_message(
    body: bytes, *, delivery_id: str, sender: Address, mailbox: str, now: datetime
) -> EmailMessage:
    """Return the e-mail. Raises ValueError for a mailbox that is none, and for a header with more than one line."""
    if ENCODED_WORD in mailbox or ENCODED_WORD in sender.display_name:
        raise ValueError("an encoded word in an address could end its header")
    message = json.loads(body)
    data, event = message["data"], _TITLES[message["type"]]
    user, _, domain = mailbox.rpartition("@")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = Address(username=user, domain=domain)
    mail["Subject"] = f"kinolog: job {data['job_id'][:8]} {event}"
    mail["Date"] = now.astimezone(UTC)
    mail["Message-ID"] = f"<{delivery_id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers it automatically
    lines = [f"Job {data['job_id']} {event}.", ""]
    if data.get("error_code"):
        lines.append(f"Reason: {data['error_code']}")
    lines.append(f"Time: {datetime.fromisoformat(message['timestamp']):%Y-%m-%d %H:%M:%S} UTC")
    links = data["links"]
    lines += [f"{name}: {links[link]}" for name, link in _LINKS if links.get(link, "").startswith("http")]
    lines += ["", "This e-mail comes from kinolog, which was asked to tell this mailbox of it."]
    mail.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    return mail
