"""The database roles that read the read models, and the settings of their transactions.

The projector makes the roles and the policies (kinolog_projector.schema.row_security). See decision 112.
"""

from __future__ import annotations

READER = "kinolog_reader"
"""Reads the rows of one tenant: that of `TENANT_SETTING`. It sees no row in a transaction that does not name one."""

OPERATOR = "kinolog_operator"
"""Reads the tables whose rows tell no tenant: the archive, and which jobs list a file."""

API_LOGIN = "kinolog_api"
"""Login of the api where it does not share that of the projector. It may take either role and has no other right."""

PROJECTOR_LOGIN = "kinolog_projector"
"""Login of the projector where a superuser has made the logins. It owns the database and is no superuser."""

TENANT_SETTING = "kinolog.tenant"
JOB_SETTING = "kinolog.job"
"""The job whose log lines a transaction reads: the reader sets it to a job that it sees in `jobs`."""
