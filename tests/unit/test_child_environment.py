"""What of a shell reaches the parts of a stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kinolog_stack.environment import proxy_environment, server_environment, service_environment

HARMFUL = {
    "PGSSLMODE": "require",
    "PGSERVICE": "work",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGTZ": "Mars",
    "https_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "grpc_proxy": "http://127.0.0.1:9",
    "PYTHONWARNINGS": "error",
    "PYTHONIOENCODING": "ascii",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONINSPECT": "1",
    "GRPC_TRACE": "all",
    "NATS_URL": "nats://work:4222",
    "WEB_CONCURRENCY": "many",
    "FORWARDED_ALLOW_IPS": "*",
    "PROMETHEUS_MULTIPROC_DIR": "/missing",
    "OTEL_SDK_DISABLED": "false",
}
HARMLESS = {
    "PATH": "/bin",
    "HOME": "/home/x",
    "KINOLOG_MODEL": "/m",
    "CUDA_VISIBLE_DEVICES": "1",
    "HF_HOME": "/hf",
    "LD_PRELOAD": "/lib/libjemalloc.so",
    "SSL_CERT_FILE": "/certs",
    "TZ": "Europe/Berlin",
    "PYTHONPATH": "/checkout",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def test_a_service_keeps_what_is_meant_for_it() -> None:
    """A service inherits the shell, without what libraries would read that is meant for something else."""
    env = service_environment(HARMFUL | HARMLESS)
    assert not set(HARMFUL) & set(env)
    assert {name: env[name] for name in HARMLESS} == HARMLESS


@pytest.mark.parametrize("written", [":/checkout", "/checkout:", "/checkout::", ":/checkout:"])
def test_an_empty_entry_of_the_path_is_not_the_current_folder(written: str) -> None:
    """An empty entry of PYTHONPATH means the current folder, which holds anybody's modules; it is dropped."""
    env = service_environment({"PYTHONPATH": written})
    assert (env["PYTHONPATH"], env["PYTHONSAFEPATH"]) == ("/checkout", "1")


def test_a_server_gets_what_it_needs_and_no_more() -> None:
    """nats-server and Postgres take everything by options; they get variables by name."""
    environ = HARMFUL | HARMLESS | {"LC_ALL": "tr_TR.UTF-8", "GOMAXPROCS": "2", "AWS_SECRET_ACCESS_KEY": "x"}
    assert set(server_environment(environ)) == {"PATH", "HOME", "LD_PRELOAD", "GOMAXPROCS"}


def test_a_worker_downloads_through_the_proxy_and_talks_to_this_machine_without() -> None:
    """Weights come through the proxy of the shell. Loopback addresses are always excepted from it."""
    env = proxy_environment(HARMFUL | {"no_proxy": "intern.example, 127.0.0.1"})
    assert env["https_proxy"] == "http://127.0.0.1:9"
    assert env["no_proxy"] == env["NO_PROXY"] == "intern.example,127.0.0.1,localhost,::1"
    assert proxy_environment({"PATH": "/bin"}) == {}


def test_no_child_imports_from_the_current_folder() -> None:
    """Wherever the product starts Python it passes -P, or -I to the launcher: no modules of the current folder."""
    root = Path(__file__).parents[2]
    started = 0
    for room in ("src", "services", "tui"):
        for path in (root / room).rglob("*.py"):
            for found in re.finditer(
                r"sys\.executable(.{0,60})", path.read_text(encoding="utf-8"), re.DOTALL
            ):
                started += 1
                assert re.match(r'[)},\s"]*-[PI]\b', found[1]), f"{path.relative_to(root)}: {found[1]!r}"
    assert started >= 6


def test_only_one_module_connects_to_the_embedded_postgres() -> None:
    """The stack connects through `libpq.connect`, which first forgets the variables of another database."""
    stack = Path(__file__).parents[2] / "src" / "kinolog_stack"
    calling = [
        path.name for path in stack.rglob("*.py") if "psycopg.connect(" in path.read_text(encoding="utf-8")
    ]
    assert calling == ["libpq.py"]
