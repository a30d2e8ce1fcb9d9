"""The gRPC services: which use case serves which method."""

from __future__ import annotations

from kinolog.command_handler import CommandHandler
from kinolog.v1 import (
    access_service_pb2,
    analytics_service_pb2,
    audit_service_pb2,
    export_service_pb2,
    job_service_pb2,
    schedule_service_pb2,
    ticket_service_pb2,
    webhook_service_pb2,
)
from kinolog_api.access.get_usage import GetUsage
from kinolog_api.access.manage_keys import ManageKeys
from kinolog_api.access.queue_pauses import ManageQueuePauses
from kinolog_api.access.who_am_i import who_am_i
from kinolog_api.alarms.list_alarms import ListAlarms
from kinolog_api.alarms.watched_writes import WatchedWrites
from kinolog_api.alarms.write_guard import WriteGuard
from kinolog_api.analytics.charts import ChartQueries
from kinolog_api.audit.commit_proofs import CommitProofs
from kinolog_api.audit.erasures import Erasures
from kinolog_api.audit.history import JobHistory
from kinolog_api.audit.queue_at import QueueAt
from kinolog_api.audit.read_proofs import ReadProofs
from kinolog_api.audit.search_events import SearchEvents
from kinolog_api.audit.verifications import Verifications
from kinolog_api.audit.verify_job import VerifyJob
from kinolog_api.audit_exports.export_bundle import ExportBundle
from kinolog_api.audit_exports.export_events import ExportEvents
from kinolog_api.choices.start_time import StartTimeCheck
from kinolog_api.dependencies import ApiDependencies
from kinolog_api.exports.export_video import ExportVideo
from kinolog_api.inputs.job_inputs import JobInputs
from kinolog_api.inputs.live_video_sweep import LiveVideoSweep
from kinolog_api.inputs.store_sweep import StoreSweep
from kinolog_api.inputs.upload_input import UploadInput
from kinolog_api.inputs.uploads import Uploads
from kinolog_api.jobs.archive_check import ArchiveCheck
from kinolog_api.jobs.artifacts import ReadArtifact
from kinolog_api.jobs.catalogue import ListCatalogue
from kinolog_api.jobs.commands import JobCommands
from kinolog_api.jobs.erase_job import EraseJob
from kinolog_api.jobs.key_pool import KeyPool
from kinolog_api.jobs.list_jobs import ListJobs
from kinolog_api.jobs.queries import JobQueries
from kinolog_api.jobs.submit_job import SubmitJob
from kinolog_api.jobs.worker_limits import CodecCheck, MemoryCheck, NewJobChecks
from kinolog_api.limits.current_use import CurrentUse
from kinolog_api.limits.job_limits import JobLimits
from kinolog_api.limits.queue_limits import QueueLimits
from kinolog_api.limits.retention import Retention
from kinolog_api.limits.stored_bytes import TenantBytes
from kinolog_api.limits.use_follower import UseFollower
from kinolog_api.plans.plan_job import PlanJob
from kinolog_api.plans.run_estimates import RunEstimates
from kinolog_api.prompts.written_scenes import WriteScenes
from kinolog_api.reads.search_reads import SearchReads, note_live_read
from kinolog_api.repeats.repeated_submit import RepeatedSubmit
from kinolog_api.reproductions.reproduce_job import ReproduceJob
from kinolog_api.rpc.calls import Methods
from kinolog_api.rpc.tenants import TenantLookup
from kinolog_api.rpc.ticket_authentication import TicketAuthenticator
from kinolog_api.rpc.validation import RequestRules
from kinolog_api.schedules.manage_schedules import ManageSchedules
from kinolog_api.schedules.schedule_facts import ScheduleFacts
from kinolog_api.schedules.schedule_runs import ScheduleRuns
from kinolog_api.tickets.issue_tickets import IssueTickets
from kinolog_api.variants.submit_variants import SubmitVariants
from kinolog_api.watch.broadcast import WatchBroadcast
from kinolog_api.watch.read_live_video import ReadLiveVideo
from kinolog_api.watch.watch_jobs import WatchJobs
from kinolog_api.webhooks.job_webhooks import JobWebhooks
from kinolog_api.webhooks.manage_webhooks import ManageWebhooks
from kinolog_api.webhooks.webhook_facts import WebhookFacts

JOB_SERVICE = job_service_pb2.DESCRIPTOR.services_by_name["JobService"]
ANALYTICS_SERVICE = analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"]
ACCESS_SERVICE = access_service_pb2.DESCRIPTOR.services_by_name["AccessService"]
AUDIT_SERVICE = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
EXPORT_SERVICE = export_service_pb2.DESCRIPTOR.services_by_name["AuditExportService"]
WEBHOOK_SERVICE = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"]
SCHEDULE_SERVICE = schedule_service_pb2.DESCRIPTOR.services_by_name["ScheduleService"]
TICKET_SERVICE = ticket_service_pb2.DESCRIPTOR.services_by_name["TicketService"]


class JobService:
    """The use cases of JobService, and what runs beside them. Create it inside the event loop that runs it."""

    def __init__(self, dependencies: ApiDependencies, rules: RequestRules) -> None:
        d = dependencies
        tenants = TenantLookup(d.store)
        self.writes = WatchedWrites(d.store, d.alarms, d.clock)
        handler = CommandHandler(self.writes, d.clock)
        write_guard = WriteGuard(d.alarms)
        archive = ArchiveCheck(d.store, d.read_model, d.clock)
        self.queries = JobQueries(d.store, d.keys, d.progress, d.read_model, archive, d.alarms, d.clock)
        limits = JobLimits(d.policies)
        self.current_use = use = CurrentUse()
        self.use_follower = UseFollower(use, d.policies, d.store, d.read_model, d.clock)
        self.tenant_bytes = TenantBytes(d.read_model)
        queue_limits = QueueLimits(d.policies, use, d.store, self.tenant_bytes, d.clock)
        self._commands = JobCommands(
            handler,
            self.queries,
            d.keys,
            d.read_model,
            write_guard,
            archive,
            limits,
            queue_limits,
            d.artifacts,
            d.clock,
        )
        self._lists = ListJobs(d.store, d.read_model, d.clock)
        self._exports = ExportVideo(self.queries, d.artifacts)
        self._artifacts = ReadArtifact(self.queries, d.artifacts)
        self._catalogue = ListCatalogue(
            d.catalogue, d.workers, tenants, d.prompt_writer.name if d.prompt_writer else ""
        )
        self._alarms = ListAlarms(d.alarms)
        self._queue_pauses = ManageQueuePauses(d.access_log, d.key_directory, d.clock)
        self.key_pool = KeyPool(d.keys)
        uploads = Uploads(d.uploads, d.keys, d.input_limits, d.clock)
        self._upload = UploadInput(uploads, write_guard, d.input_limits)
        inputs = JobInputs(uploads, d.artifacts, d.input_limits)
        live_video_sweep = LiveVideoSweep(d.live_videos, d.store)
        self.store_sweep = StoreSweep(uploads, d.artifacts, live_video_sweep, d.store, d.clock)
        self.webhook_facts = WebhookFacts(d.access_log, d.key_directory, d.keys, d.clock)
        self.job_webhooks = JobWebhooks(self.webhook_facts, d.webhook_rules_of)
        scene_writer = WriteScenes(d.prompt_writer)
        checks = NewJobChecks(
            archive,
            MemoryCheck(d.workers, d.store, d.catalogue),
            CodecCheck(d.workers, d.store),
            StartTimeCheck(d.store, d.clock),
        )
        self._submit = SubmitJob(
            self.writes,
            d.keys,
            self.key_pool,
            handler,
            d.catalogue,
            rules,
            write_guard,
            checks,
            inputs,
            d.clock,
            scene_writer,
            limits,
            queue_limits,
            self.job_webhooks,
        )
        estimates = RunEstimates(d.read_model, d.clock)
        self._plans = PlanJob(self._submit, checks, inputs, scene_writer, d.catalogue, estimates)
        self._reproductions = ReproduceJob(self._submit, self.queries, d.catalogue, d.clock)
        variants = SubmitVariants(self._submit, checks, queue_limits)
        self._repeated_submit = RepeatedSubmit(variants.submit, d.store, d.keys, d.clock)
        schedule_facts = ScheduleFacts(d.access_log, d.key_directory, d.keys, d.clock)
        self.schedule_runs = ScheduleRuns(schedule_facts, d.store, self._submit.submit, d.clock)
        self.schedules = ManageSchedules(schedule_facts, self.schedule_runs, d.store, self._plans.checked)
        self.erase_job = EraseJob(
            self._commands,
            handler,
            write_guard,
            archive,
            d.store,
            d.keys,
            d.artifacts,
            d.progress,
            d.read_model,
        )
        self.retention = Retention(d.policies, d.read_model, self.erase_job.erase_expired, d.clock)
        self.broadcast = WatchBroadcast(d.store, d.keys, d.progress, tenants)
        self._watch = WatchJobs(d.store, self.broadcast, self.queries)
        self._live_videos = ReadLiveVideo(self.queries, self.broadcast, d.live_videos)

    def methods(self) -> Methods:
        """Return the methods of JobService."""
        return {
            "UploadInput": self._upload.upload,
            "SubmitJob": self._repeated_submit.submit,
            "PlanJob": self._plans.plan,
            "ReproduceJob": self._reproductions.reproduce,
            "BatchSubmitJobs": self._submit.submit_batch,
            "CancelJob": self._commands.cancel,
            "BulkCancelJobs": self._commands.bulk_cancel,
            "RetryJob": self._commands.retry,
            "BulkRetryJobs": self._commands.bulk_retry,
            "ReprioritizeJob": self._commands.reprioritize,
            "PauseJob": self._commands.pause,
            "ResumeJob": self._commands.resume,
            "BulkPauseJobs": self._commands.bulk_pause,
            "BulkResumeJobs": self._commands.bulk_resume,
            "BulkReprioritizeJobs": self._commands.bulk_reprioritize,
            "PrefetchJob": self._commands.prefetch,
            "EraseJob": self.erase_job.erase,
            "BulkEraseJobs": self.erase_job.bulk_erase,
            "GetJob": self.queries.get_job,
            "GetStoryboard": self.queries.get_storyboard,
            "GetResult": self.queries.get_result,
            "ListLogEntries": self.queries.list_log_entries,
            "ListJobs": self._lists.list_jobs,
            "SummarizeJobs": self._lists.summarize_jobs,
            "ReadArtifact": self._artifacts.read_artifact,
            "ExportVideo": self._exports.export_video,
            "ReadLiveVideo": self._live_videos.read_live_video,
            "WatchJob": self._watch.watch_job,
            "WatchJobs": self._watch.watch_jobs,
            "ListModels": self._catalogue.list_models,
            "ListWorkers": self._catalogue.list_workers,
            "ListAlarms": self._alarms.list_alarms,
            "PauseQueue": self._queue_pauses.pause,
            "ResumeQueue": self._queue_pauses.resume,
            "ListQueuePauses": self._queue_pauses.list_pauses,
        }


def analytics_methods(dependencies: ApiDependencies) -> Methods:
    """Return the methods of AnalyticsService."""
    charts = ChartQueries(dependencies.read_model, dependencies.clock)
    return {
        "GetOverview": charts.overview,
        "GetSuccessRates": charts.success_rates,
        "GetStageTimes": charts.stage_times,
        "GetQueueDepth": charts.queue_depth,
        "GetTrends": charts.trends,
        "ListActivity": charts.activity,
    }


def audit_methods(dependencies: ApiDependencies) -> Methods:
    """Return the methods of AuditService."""
    d = dependencies
    history = JobHistory(d.store, d.keys, d.read_model)
    erasures = Erasures(d.read_model)
    proofs = CommitProofs(d.store, d.read_model, history)
    search = SearchEvents(d.store, d.read_model, d.keys, d.clock, d.address_secret)
    verifications = Verifications(d.access_log, d.key_directory, d.read_model, d.clock)
    return {
        "GetHistory": history.get_history,
        "VerifyJob": VerifyJob(d.store, d.keys, d.read_model, d.artifacts).verify_job,
        "ReplayLog": history.replay_log,
        "GetTreeHead": proofs.get_head,
        "ListTreeHeads": proofs.list_heads,
        "GetTreeTile": proofs.get_tile,
        "GetInclusionProof": proofs.prove_inclusion,
        "GetConsistencyProof": proofs.prove_consistency,
        "SearchEvents": search.search,
        "CountCommands": search.count_commands,
        "NoteLiveRead": note_live_read,
        "SearchReads": SearchReads(d.read_history, d.keys, d.clock).search,
        "ProveReads": ReadProofs(d.read_model, d.read_history).prove_reads,
        "ListErasures": erasures.list_erasures,
        "GetErasure": erasures.get_erasure,
        "StartVerification": verifications.start,
        "CancelVerification": verifications.cancel,
        "ListVerifications": verifications.list_verifications,
        "GetVerification": verifications.get_verification,
        "GetQueueAt": QueueAt(d.store, d.read_model, d.clock).get_queue_at,
    }


def export_methods(dependencies: ApiDependencies) -> Methods:
    """Return the methods of AuditExportService."""
    d = dependencies
    return {
        "ExportEvents": ExportEvents(d.store, d.keys, d.read_model).export_events,
        "ExportBundle": ExportBundle(d.store, d.keys, d.read_model, d.artifacts).export_bundle,
    }


def access_methods(dependencies: ApiDependencies, tenant_bytes: TenantBytes) -> Methods:
    """Return the methods of AccessService."""
    d = dependencies
    keys = ManageKeys(d.access_log, d.key_directory, d.key_uses, d.clock)
    return {
        "WhoAmI": who_am_i,
        "GetUsage": GetUsage(d.policies, d.read_model, tenant_bytes, d.clock).get_usage,
        "CreateKey": keys.create,
        "ListKeys": keys.list_keys,
        "RevokeKey": keys.revoke,
    }


def webhook_methods(dependencies: ApiDependencies, facts: WebhookFacts, of_jobs: JobWebhooks) -> Methods:
    """Return the methods of WebhookService."""
    d = dependencies
    webhooks = ManageWebhooks(facts, of_jobs, d.webhook_history, d.webhook_rules_of, d.clock)
    return {
        "CreateWebhook": webhooks.create,
        "ListWebhooks": webhooks.list_webhooks,
        "ChangeWebhook": webhooks.change,
        "RotateWebhookSecret": webhooks.rotate,
        "GetWebhookSecret": webhooks.secret,
        "DeleteWebhook": webhooks.delete,
        "ListDeliveries": webhooks.list_deliveries,
        "Redeliver": webhooks.redeliver,
    }


def ticket_methods(
    dependencies: ApiDependencies, authenticator: TicketAuthenticator, queries: JobQueries
) -> Methods:
    """Return the methods of TicketService."""
    d = dependencies
    tickets = IssueTickets(authenticator, d.ticket_sealer, queries, d.keys, d.clock)
    return {
        "CreateFileTicket": tickets.create_file_ticket,
        "CreateLiveTicket": tickets.create_live_ticket,
        "RedeemTicket": tickets.redeem,
    }


def schedule_methods(schedules: ManageSchedules) -> Methods:
    """Return the methods of ScheduleService."""
    return {
        "CreateSchedule": schedules.create,
        "ListSchedules": schedules.list_schedules,
        "PauseSchedule": schedules.pause,
        "ResumeSchedule": schedules.resume,
        "DeleteSchedule": schedules.delete,
    }
