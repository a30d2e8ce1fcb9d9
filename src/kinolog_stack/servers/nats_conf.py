"""The nats-server configuration of docker-compose and of the Helm chart, with the permissions of each service's user.

After a change of the permissions run `python -m kinolog_stack.servers.nats_conf > deploy/nats.conf` and
`python -m kinolog_stack.servers.nats_conf users > deploy/helm/kinolog/files/users.conf`.
"""

from __future__ import annotations

import json
import sys

from kinolog.adapters.jetstream.subjects import Service, permissions

_HEAD = """\
# nats-server of docker-compose. Written by `python -m kinolog_stack.servers.nats_conf`.
# Passwords come from the environment.
server_name: kinolog
port: 4222
http: "127.0.0.1:8222"
max_connections: 1000
max_payload: 1048576
jetstream { store_dir: "/data", sync_interval: "always", max_file_store: 1PB }
"""
_USERS = """\
authorization {
  users: [
"""


def render() -> str:
    """Return the text of the configuration file."""
    return _HEAD + users()


def users() -> str:
    """Return the part of the configuration with the users."""
    return _USERS + "".join(_user(service) for service in Service) + "  ]\n}\n"


def _user(service: Service) -> str:
    allowed = permissions(service)
    return (
        f"    {{\n      user: {service.value}\n      password: $NATS_{service.name}_PASSWORD\n"
        "      permissions {\n"
        f"        publish: {{ allow: {_listed(allowed.publish)} }}\n"
        f"        subscribe: {{ allow: {_listed(allowed.subscribe)} }}\n"
        "      }\n    }\n"
    )


def _listed(names: tuple[str, ...]) -> str:
    inner = "".join(f"\n          {json.dumps(name)}" for name in names)
    return f"[{inner}\n        ]"


if __name__ == "__main__":
    sys.stdout.write(users() if sys.argv[1:] == ["users"] else render())
