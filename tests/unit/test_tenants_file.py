"""The file of tenants."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kinolog.job.values import Priority
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.tenants.policy_file import InvalidTenantsFile, read_policies


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tenants.a]\n", r"unknown table tenants; the file has \[default\] and \[tenant.NAME\]"),
        ("default = 1\n", r"\[default\] must be a table, not 1"),
        ("tenant = 1\n", r"\[tenant\] must be a table"),
        ("[tenant]\na = 1\n", r"\[tenant.a\] must be a table"),
        ('[tenant."a b"]\n', r"\[tenant.a b\]: the name of a tenant must be 1 to 64 letters"),
        ("[default]\nwait = 1\n", r"\[default\]: there is no key wait; the keys are weight, "),
        ("[tenant.a]\nweight = 0\n", r"\[tenant.a\]: weight: .* greater than 0, not 0"),
        ('[tenant.a]\nweight = "4"\n', r"\[tenant.a\]: weight: .* number, not '4'"),
        (
            '[default]\npriorities = ["urgent"]\n',
            r"priorities: must be a list of critical, .*, not \['urgent'\]",
        ),
        (
            '[default]\nmail_recipients = ["@example.com"]\n',
            r"mail_recipients: must be a list of mailboxes .*, not \['@example.com'\]",
        ),
        ("[default]\nmax_job_cost = -1\n", "max_job_cost: .* greater than or equal to 0, not -1"),
        (
            '[default]\nkeep_jobs = "90"\n',
            r"keep_jobs: must be a length of time such as \"90d\", .*, not '90'",
        ),
        ('[default]\nkeep_jobs = "59m"\n', "keep_jobs: must be .* from an hour to 36500 days, not '59m'"),
        ('[default]\nkeep_jobs = "36501d"\n', "keep_jobs: must be .*, not '36501d'"),
        ("[default]\nkeep_jobs = 90\n", "keep_jobs: must be a length of time"),
        ("[default\n", "is not TOML"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """An invalid file is refused with the table and the key."""
    path = tmp_path / "tenants.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidTenantsFile, match=words):
        read_policies(path)
    with pytest.raises(InvalidTenantsFile, match=r"cannot read .*KINOLOG_TENANTS_FILE"):
        read_policies(tmp_path)


def test_a_tenant_takes_the_rest_from_the_default(tmp_path: Path) -> None:
    """What a table does not state is that of [default], and what that does not state is built in."""
    path = tmp_path / "tenants.toml"
    path.write_text("[default]\nweight = 2\n[tenant.a]\n[tenant.b]\nweight = 4.5\n", encoding="utf-8")
    policies = read_policies(path)
    assert [policies.of(name).weight for name in ("a", "b", "other")] == [2.0, 4.5, 2.0]
    text = '[default]\nmax_job_cost = 5\npriorities = ["low"]\n[tenant.a]\nmax_job_cost = "unlimited"\n'
    path.write_text(text, encoding="utf-8")
    assert read_policies(path).of("a") == TenantPolicy(
        priorities=frozenset({Priority.LOW}), max_job_cost=None
    )
    path.write_text('[default]\nkeep_jobs = "90d"\n[tenant.a]\nkeep_jobs = "unlimited"\n', encoding="utf-8")
    kept = read_policies(path)
    assert (kept.of("b").retention, kept.of("a").retention) == (timedelta(days=90), None)
    path.write_text("", encoding="utf-8")
    assert read_policies(path) == TenantPolicies(default=TenantPolicy(weight=1.0))


async def test_a_changed_file_is_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A changed file replaces the policies. An invalid or missing one is an error, and the last valid one stays."""
    path = tmp_path / "tenants.toml"
    path.write_text("[default]\nweight = 2\n", encoding="utf-8")
    followed = FollowedPolicies(path)
    seen: list[float] = []
    followed.on_change.append(lambda policies: seen.append(policies.default.weight))
    await followed.check()
    assert not seen
    path.write_text("[default]\nweight = 30\n", encoding="utf-8")
    await followed.check()
    assert seen == [30.0] == [followed.current.default.weight]
    path.write_text("[default]\nweight = -30\n", encoding="utf-8")
    await followed.check()
    assert "weight: Input should be greater than 0, not -30" in caplog.text
    path.unlink()
    await followed.check()
    await followed.check()
    assert caplog.text.count("cannot read the file of tenants") == 1
    assert seen == [30.0] == [followed.current.default.weight]
    path.write_text("[default]\nweight = 5\n", encoding="utf-8")
    await followed.check()
    assert seen == [30.0, 5.0]
