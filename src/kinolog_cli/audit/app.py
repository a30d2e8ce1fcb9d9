"""`kinolog audit` and its subcommands."""

from __future__ import annotations

import typer

from kinolog_cli.audit import rotate_key, tree_heads, tree_proofs, verifications, verify_all, witness
from kinolog_cli.audit.questions import events, who
from kinolog_cli.audit.queue_at import fleet, queue, why
from kinolog_cli.audit.reads import reads
from kinolog_cli.audit_exports import bundle, export, verify_bundle
from kinolog_cli.erasures.list_erasures import erasures

app = typer.Typer(
    help="For auditors: questions about all commits; the tree over them, whose signed heads prove that history was not "
    "changed; exports and bundles of it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(tree_heads.head)
app.command()(tree_proofs.prove)
app.command()(tree_heads.consistency)
app.command("check-proof")(tree_proofs.check_proof)
app.command()(export.export)
app.command()(bundle.bundle)
app.command()(verify_bundle.verify)
app.command()(witness.witness)
app.command("verify-all")(verify_all.verify_all)
app.command()(verifications.verifications)
app.command("start-verification")(verifications.start_verification)
app.command("cancel-verification")(verifications.cancel_verification)
app.command("rotate-key")(rotate_key.rotate_key)
for question in (events, who, reads, queue, fleet, why, erasures):
    app.command()(question)
