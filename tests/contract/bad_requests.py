"""Requests with a wrong field, of every method, and the methods of one job."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import analytics_service_pb2 as an
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1 import export_service_pb2 as ex
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import schedule_service_pb2 as sc
from kinolog.v1 import ticket_service_pb2 as tk
from kinolog.v1 import webhook_service_pb2 as wh

SECRET = "Quillfeather"
UNKNOWN = "z" * 26
EVERY_HOUR = "0 * * * *"
HOOK, WEBHOOK, DELIVERY = "https://1.1.1.1/", "wh_" + "a" * 16, "dlv_" + "a" * 26
LATER = Timestamp(seconds=2_000)
EARLIER = Timestamp(seconds=1_000)
NO_TIME = Timestamp(seconds=10**15)
UPSIDE_DOWN = job_pb2.JobFilter(created_from=LATER, created_before=EARLIER)
BY_ID = pb.JobSelection(job_ids=["nonsense"])
REPEATED = f"{SECRET} " * 150 + "\n" + "\n".join(f"Scene {n}: it moves." for n in range(1, 33))
"""A short prompt whose beginning is repeated in each of many scenes."""
NOTHING = pb.JobSelection()
BEYOND: Any = 99
"""A number that is not in any enum."""
MALFORMED = ["", "nonsense", "A" * 26, "a" * 27, "a" * 25 + "\n", "../" + "a" * 23, "a" * 25 + "é"]


def submit(**fields: Any) -> pb.SubmitJobRequest:
    """Return a submit whose prompt must not appear in errors or logs."""
    return pb.SubmitJobRequest(**({"prompt": SECRET} | fields))


def scene(**fields: Any) -> pb.SceneRequest:
    """Return a scene whose prompt must not appear in errors or logs."""
    return pb.SceneRequest(**({"prompt": SECRET} | fields))


def given(**fields: Any) -> pb.InputReference:
    """Return an input of a job."""
    return pb.InputReference(**dict[str, Any](role=1, upload_id="a" * 26) | fields)


def exported(**fields: Any) -> ex.ExportEventsRequest:
    """Return a request for an export of selected commits."""
    return ex.ExportEventsRequest(selection=ex.CommitSelection(**fields))


def span(start: Timestamp | None = None, end: Timestamp | None = None) -> an.TimeRange:
    """Return a time range; `from` is a keyword in Python."""
    return an.TimeRange(**{"from": start, "before": end})


CASES: list[tuple[str, Any, str]] = [
    ("SubmitJob", submit(prompt=""), "prompt"),
    ("SubmitJob", submit(prompt=" \n\t "), "prompt"),
    ("SubmitJob", submit(prompt="\u3000"), "prompt"),
    ("SubmitJob", submit(prompt="\u00a0\u2028\u0085\u200b"), "prompt"),
    ("SubmitJob", submit(prompt=f"{SECRET}\x1b]52;c;aGk=\x07"), "prompt"),
    ("SubmitJob", submit(prompt=f"{SECRET}\u009b31m"), "prompt"),
    ("SubmitJob", submit(prompt=f"{SECRET}\u202egnp.exe"), "prompt"),
    ("SubmitJob", submit(prompt=f"{SECRET}\u2028second line"), "prompt"),
    ("SubmitJob", submit(prompt=f"{SECRET}\0"), "prompt"),
    ("SubmitJob", submit(earlier_tries=1001), "earlier_tries"),
    ("SubmitJob", submit(negative_prompt=f"{SECRET}\x1b[2J"), "negative_prompt"),
    ("SubmitJob", submit(style="noir\n"), "style"),
    ("SubmitJob", submit(webhook="https://example.com/\x1b[2J"), "webhook"),
    ("SubmitJob", submit(prompt=SECRET * 1_000), "prompt"),
    ("SubmitJob", submit(prompt=REPEATED, shots=pb.SHOTS_AUTO, duration_seconds=60), "prompt"),
    ("SubmitJob", submit(scenes=[scene()] * 33), "scenes"),
    ("SubmitJob", submit(loras=[pb.LoraReference(name="")]), "loras[0].name"),
    ("SubmitJob", submit(profile="turbo"), "profile"),
    ("SubmitJob", submit(loras=[pb.LoraReference(name="ink", weight=4.1)]), "loras[0].weight"),
    ("SubmitJob", submit(loras=[pb.LoraReference(name="ink", weight=float("nan"))]), "loras[0].weight"),
    ("SubmitJob", submit(loras=[pb.LoraReference(name="ink")] * 9), "loras"),
    ("SubmitJob", submit(loras=[pb.LoraReference(name="ink")]), "loras[0].name"),
    ("SubmitJob", submit(scenes=[scene(), scene(prompt="")]), "scenes[1].prompt"),
    ("SubmitJob", submit(scenes=[scene(prompt=" \u3000\n"), scene()]), "scenes[0].prompt"),
    ("SubmitJob", submit(scenes=[scene(prompt=SECRET * 1_000)]), "scenes[0].prompt"),
    ("SubmitJob", submit(scenes=[scene(), scene(prompt=f"{SECRET}\x1b[2J")]), "scenes[1].prompt"),
    (
        "SubmitJob",
        submit(scenes=[scene(duration_seconds=1), scene(duration_seconds=0)]),
        "scenes[1].duration_seconds",
    ),
    ("SubmitJob", submit(scenes=[scene(duration_seconds=601)]), "scenes[0].duration_seconds"),
    ("SubmitJob", submit(scenes=[scene(duration_seconds=float("nan"))]), "scenes[0].duration_seconds"),
    (
        "SubmitJob",
        submit(scenes=[scene(duration_seconds=1), scene(duration_seconds=0.5)]),
        "scenes[1].duration_seconds",
    ),
    ("SubmitJob", submit(scenes=[scene(duration_seconds=31)] * 2), "scenes"),
    ("SubmitJob", submit(scenes=[scene(), scene(duration_seconds=1)]), "scenes"),
    ("SubmitJob", submit(scenes=[scene(duration_seconds=1)], duration_seconds=1), "scenes"),
    ("SubmitJob", submit(scenes=[scene(), scene(seed=-1)]), "scenes[1].seed"),
    ("SubmitJob", submit(scenes=[scene(), scene(seed=2**53)]), "scenes[1].seed"),
    ("SubmitJob", submit(scenes=[scene(), scene(transition=99)]), "scenes[1].transition"),
    ("SubmitJob", submit(scenes=[scene(transition=pb.TRANSITION_DISSOLVE), scene()]), "scenes[0].transition"),
    ("SubmitJob", submit(scenes=[scene()] * 4), "scenes"),
    ("SubmitJob", submit(scenes=[scene(prompt="x" * 1_500)] * 32, duration_seconds=60), "scenes"),
    ("SubmitJob", submit(scenes=[scene()], shots=pb.SHOTS_ONE), "shots"),
    ("SubmitJob", submit(shots=99), "shots"),
    ("SubmitJob", submit(prompt=f"0-40s: {SECRET}. 40-90s: {SECRET}.", shots=pb.SHOTS_AUTO), "prompt"),
    ("SubmitJob", submit(inputs=[given()] * 17), "inputs"),
    ("SubmitJob", submit(inputs=[given()]), "inputs"),
    ("SubmitJob", submit(model="large", inputs=[given()]), "inputs"),
    ("SubmitJob", submit(inputs=[given(), given(role=0)]), "inputs[1].role"),
    ("SubmitJob", submit(inputs=[given(role=99)]), "inputs[0].role"),
    ("SubmitJob", submit(inputs=[given(upload_id="nonsense")]), "inputs[0].upload_id"),
    ("SubmitJob", submit(negative_prompt=SECRET * 1_000), "negative_prompt"),
    ("SubmitJob", submit(duration_seconds=0), "duration_seconds"),
    ("SubmitJob", submit(duration_seconds=-1), "duration_seconds"),
    ("SubmitJob", submit(duration_seconds=1e9), "duration_seconds"),
    ("SubmitJob", submit(duration_seconds=float("nan")), "duration_seconds"),
    ("SubmitJob", submit(duration_seconds=600), "duration_seconds"),
    ("SubmitJob", submit(duration_seconds=1, frames=8), "duration_seconds"),
    ("SubmitJob", submit(frames=0), "frames"),
    ("SubmitJob", submit(frames=481), "frames"),
    ("SubmitJob", submit(priority=99), "priority"),
    ("SubmitJob", submit(style="brutalist"), "style"),
    ("SubmitJob", submit(model="no-such-model"), "model"),
    ("SubmitJob", submit(width=300), "width"),
    ("SubmitJob", submit(height=300), "height"),
    ("SubmitJob", submit(width=0), "width"),
    ("SubmitJob", submit(model="large", width=833, height=480), "width"),
    ("SubmitJob", submit(fps=0), "fps"),
    ("SubmitJob", submit(steps=101), "steps"),
    ("SubmitJob", submit(guidance=-1), "guidance"),
    ("SubmitJob", submit(seed=-1), "seed"),
    ("SubmitJob", submit(request_id="a b"), "request_id"),
    ("SubmitJob", submit(webhook="ftp://example.com"), "webhook"),
    ("SubmitJob", submit(webhook_format="smtp"), "webhook_format"),
    ("SubmitJob", submit(webhook_format="fal"), "webhook_format"),
    ("SubmitJob", submit(webhook="https://1.1.1.1/", webhook_events=["job.erased"]), "webhook_events[0]"),
    ("SubmitJob", submit(webhook_events=["job.failed"]), "webhook_events"),
    ("SubmitJob", submit(max_attempts=11), "max_attempts"),
    ("SubmitJob", submit(codec="vp9"), "codec"),
    ("SubmitJob", submit(upscaler="none-of-it"), "upscaler"),
    ("SubmitJob", submit(upscaler="x" * 201), "upscaler"),
    ("SubmitJob", submit(interpolate_fps=1), "interpolate_fps"),
    ("SubmitJob", submit(fps=8, interpolate_fps=24), "interpolate_fps"),
    ("SubmitJob", submit(codec="x" * 21), "codec"),
    ("SubmitJob", submit(codec="h264_nvenc", width=64, height=64), "codec"),
    ("SubmitJob", submit(start_after=EARLIER), "start_after"),
    ("SubmitJob", submit(start_after=NO_TIME), "start_after"),
    ("SubmitJob", submit(variants=9), "variants"),
    ("SubmitJob", submit(variants=2, seed=2**53 - 1), "seed"),
    ("SubmitJob", submit(variants=2, request_id="x" * 117), "request_id"),
    ("SubmitJob", submit(start_timeout_seconds=31_622_401), "start_timeout_seconds"),
    ("SubmitJob", submit(crf=64), "crf"),
    ("SubmitJob", submit(crf=0), "crf"),
    ("SubmitJob", submit(codec="h265", crf=52), "crf"),
    ("SubmitJob", submit(title=f"{SECRET}\x1b[2J"), "title"),
    ("SubmitJob", submit(title=SECRET * 20), "title"),
    ("BatchSubmitJobs", pb.BatchSubmitJobsRequest(), "requests"),
    ("BatchSubmitJobs", pb.BatchSubmitJobsRequest(requests=[submit()] * 1_001), "requests"),
    ("ListJobs", pb.ListJobsRequest(order_by="prompt"), "order_by"),
    ("ListJobs", pb.ListJobsRequest(order_by="created_at sideways"), "order_by"),
    ("ListJobs", pb.ListJobsRequest(page_size=101), "page_size"),
    ("ListJobs", pb.ListJobsRequest(page_size=-1), "page_size"),
    ("ListJobs", pb.ListJobsRequest(offset=-1), "offset"),
    ("ListJobs", pb.ListJobsRequest(page_token="nonsense"), "page_token"),
    ("ListJobs", pb.ListJobsRequest(page_token="ü"), "page_token"),
    ("ListJobs", pb.ListJobsRequest(page_token="abcd", offset=1), "offset"),
    ("ListJobs", pb.ListJobsRequest(filter=UPSIDE_DOWN), "filter.created_from"),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(created_from=NO_TIME)), "filter.created_from"),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(statuses=[BEYOND])), "filter.statuses[0]"),
    (
        "ListJobs",
        pb.ListJobsRequest(
            filter=job_pb2.JobFilter(priorities=[job_pb2.PRIORITY_HIGH, job_pb2.PRIORITY_UNSPECIFIED])
        ),
        "filter.priorities[1]",
    ),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(models=[""])), "filter.models[0]"),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(text="x" * 201)), "filter.text"),
    ("SummarizeJobs", pb.SummarizeJobsRequest(filter=UPSIDE_DOWN), "filter.created_from"),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(text="\x1b[2J")), "filter.text"),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(models=["a", "b\x07"])), "filter.models[1]"),
    ("CancelJob", pb.CancelJobRequest(job_id=UNKNOWN, reason="x" * 501), "reason"),
    ("CancelJob", pb.CancelJobRequest(job_id=UNKNOWN, reason="late\x1b[2J"), "reason"),
    ("CancelJob", pb.CancelJobRequest(job_id=UNKNOWN, request_id="a b"), "request_id"),
    ("ReprioritizeJob", pb.ReprioritizeJobRequest(job_id=UNKNOWN), "priority"),
    ("ReprioritizeJob", pb.ReprioritizeJobRequest(job_id=UNKNOWN, priority=BEYOND), "priority"),
    ("PauseQueue", pb.PauseQueueRequest(priority=BEYOND), "priority"),
    ("PauseQueue", pb.PauseQueueRequest(reason="x" * 201), "reason"),
    ("ResumeQueue", pb.ResumeQueueRequest(priority=BEYOND), "priority"),
    ("BulkCancelJobs", pb.BulkCancelJobsRequest(), "selection"),
    ("BulkCancelJobs", pb.BulkCancelJobsRequest(selection=NOTHING), "selection.job_ids"),
    ("BulkCancelJobs", pb.BulkCancelJobsRequest(selection=BY_ID), "selection.job_ids[0]"),
    ("BulkRetryJobs", pb.BulkRetryJobsRequest(selection=NOTHING), "selection.job_ids"),
    ("BulkEraseJobs", pb.BulkEraseJobsRequest(selection=BY_ID), "selection.job_ids[0]"),
    ("BulkPauseJobs", pb.BulkPauseJobsRequest(selection=BY_ID), "selection.job_ids[0]"),
    ("BulkResumeJobs", pb.BulkResumeJobsRequest(), "selection"),
    ("ListJobs", pb.ListJobsRequest(filter=job_pb2.JobFilter(variant_of=SECRET)), "filter.variant_of"),
    (
        "BulkReprioritizeJobs",
        pb.BulkReprioritizeJobsRequest(selection=pb.JobSelection(job_ids=[UNKNOWN])),
        "priority",
    ),
    (
        "BulkRetryJobs",
        pb.BulkRetryJobsRequest(selection=pb.JobSelection(filter=job_pb2.JobFilter(created_before=NO_TIME))),
        "selection.filter.created_before",
    ),
    ("ExportVideo", pb.ExportVideoRequest(job_id=UNKNOWN), "format"),
    ("ExportVideo", pb.ExportVideoRequest(job_id=UNKNOWN, format=BEYOND), "format"),
    ("ReadArtifact", pb.ReadArtifactRequest(job_id=UNKNOWN), "kind"),
    ("ReadArtifact", pb.ReadArtifactRequest(job_id=UNKNOWN, kind=BEYOND), "kind"),
    ("ReadLiveVideo", pb.ReadLiveVideoRequest(job_id=UNKNOWN, wait_seconds=31), "wait_seconds"),
    ("ListLogEntries", pb.ListLogEntriesRequest(job_id=UNKNOWN, page_size=1_001), "page_size"),
    ("ListLogEntries", pb.ListLogEntriesRequest(job_id=UNKNOWN, min_level=BEYOND), "min_level"),
    ("GetOverview", an.GetOverviewRequest(range=span(LATER, EARLIER)), "range.from"),
    ("GetOverview", an.GetOverviewRequest(range=span(Timestamp(seconds=32_503_680_000))), "range.from"),
    ("GetSuccessRates", an.GetSuccessRatesRequest(range=span(end=NO_TIME)), "range.before"),
    ("GetStageTimes", an.GetStageTimesRequest(range=span(LATER, EARLIER)), "range.from"),
    ("GetQueueDepth", an.GetQueueDepthRequest(bucket_seconds=2_678_401), "bucket_seconds"),
    ("GetTrends", an.GetTrendsRequest(range=span(NO_TIME)), "range.from"),
    ("ListActivity", an.ListActivityRequest(page_size=101), "page_size"),
    ("GetHistory", au.GetHistoryRequest(job_id=UNKNOWN, time=NO_TIME), "time"),
    ("GetTreeHead", au.GetTreeHeadRequest(number=2**63), "number"),
    ("ListTreeHeads", au.ListTreeHeadsRequest(after=2**63), "after"),
    ("ListTreeHeads", au.ListTreeHeadsRequest(page_size=101), "page_size"),
    ("GetTreeTile", au.GetTreeTileRequest(level=8), "level"),
    ("GetTreeTile", au.GetTreeTileRequest(index=2**55), "index"),
    ("GetInclusionProof", au.GetInclusionProofRequest(), "commit"),
    ("GetInclusionProof", au.GetInclusionProofRequest(position=0), "position"),
    ("GetInclusionProof", au.GetInclusionProofRequest(job_id=UNKNOWN, tree_size=2**63), "tree_size"),
    ("GetConsistencyProof", au.GetConsistencyProofRequest(), "old_size"),
    ("GetConsistencyProof", au.GetConsistencyProofRequest(old_size=1, new_size=2**63), "new_size"),
    ("SearchEvents", au.SearchEventsRequest(query="colour=red"), "query"),
    ("SearchEvents", au.SearchEventsRequest(query="a" * 4_001), "query"),
    ("SearchEvents", au.SearchEventsRequest(page_size=1_001), "page_size"),
    ("SearchEvents", au.SearchEventsRequest(after=2**63), "after"),
    ("SearchEvents", au.SearchEventsRequest(min_position=2**63), "min_position"),
    ("SearchReads", au.SearchReadsRequest(query="model=large"), "query"),
    ("SearchReads", au.SearchReadsRequest(query="a" * 4_001), "query"),
    ("SearchReads", au.SearchReadsRequest(page_size=1_001), "page_size"),
    ("SearchReads", au.SearchReadsRequest(after="second"), "after"),
    ("ListErasures", au.ListErasuresRequest(after=2**63), "after"),
    ("ListErasures", au.ListErasuresRequest(page_size=101), "page_size"),
    ("ListErasures", au.ListErasuresRequest(erasure_id="E"), "erasure_id"),
    ("ListErasures", au.ListErasuresRequest(named_job_id="x"), "named_job_id"),
    ("GetErasure", au.GetErasureRequest(), "number"),
    ("StartVerification", au.StartVerificationRequest(files=cast(Any, 9)), "files"),
    ("ListVerifications", au.ListVerificationsRequest(page_size=101), "page_size"),
    ("ListVerifications", au.ListVerificationsRequest(after="V"), "after"),
    ("GetVerification", au.GetVerificationRequest(), "verification_id"),
    ("CancelVerification", au.CancelVerificationRequest(verification_id="x"), "verification_id"),
    ("NoteLiveRead", au.NoteLiveReadRequest(channel="queue"), "channel"),
    ("GetQueueAt", au.GetQueueAtRequest(position=2**63), "position"),
    ("GetQueueAt", au.GetQueueAtRequest(time=NO_TIME), "time"),
    ("GetQueueAt", au.GetQueueAtRequest(limit=1_001), "limit"),
    ("CountCommands", au.CountCommandsRequest(query="since=yesterday"), "query"),
    ("CountCommands", au.CountCommandsRequest(limit=1_001), "limit"),
    ("CountCommands", au.CountCommandsRequest(min_position=2**63), "min_position"),
    ("CreateFileTicket", tk.CreateFileTicketRequest(job_id=UNKNOWN, valid_seconds=86_401), "valid_seconds"),
    ("CreateLiveTicket", tk.CreateLiveTicketRequest(valid_seconds=301), "valid_seconds"),
    ("RedeemTicket", tk.RedeemTicketRequest(ticket=SECRET * 100), "ticket"),
    ("RedeemTicket", tk.RedeemTicketRequest(), "ticket"),
    ("CreateSchedule", sc.CreateScheduleRequest(job=submit()), "cron"),
    ("CreateSchedule", sc.CreateScheduleRequest(cron="61 * * * *", job=submit()), "cron"),
    ("CreateSchedule", sc.CreateScheduleRequest(cron=EVERY_HOUR, zone="Atlantis", job=submit()), "zone"),
    ("CreateSchedule", sc.CreateScheduleRequest(cron=EVERY_HOUR, name=SECRET * 10, job=submit()), "name"),
    ("CreateSchedule", sc.CreateScheduleRequest(cron=EVERY_HOUR), "job.prompt"),
    ("CreateSchedule", sc.CreateScheduleRequest(cron=EVERY_HOUR, job=submit(steps=0)), "job.steps"),
    (
        "CreateSchedule",
        sc.CreateScheduleRequest(cron=EVERY_HOUR, job=submit(request_id="x")),
        "job.request_id",
    ),
    ("PauseSchedule", sc.PauseScheduleRequest(schedule_id="sch_1"), "schedule_id"),
    ("ResumeSchedule", sc.ResumeScheduleRequest(schedule_id="sch_1"), "schedule_id"),
    ("DeleteSchedule", sc.DeleteScheduleRequest(), "schedule_id"),
    ("CreateWebhook", wh.CreateWebhookRequest(), "address"),
    ("CreateWebhook", wh.CreateWebhookRequest(address=HOOK, tenant="*"), "tenant"),
    ("CreateWebhook", wh.CreateWebhookRequest(address=HOOK, name=SECRET * 10), "name"),
    ("CreateWebhook", wh.CreateWebhookRequest(address=HOOK, events=["job.queued"]), "events[0]"),
    ("CreateWebhook", wh.CreateWebhookRequest(address=HOOK, actor="-"), "actor"),
    ("CreateWebhook", wh.CreateWebhookRequest(address=f"{HOOK}#{SECRET}"), "address"),
    ("CreateWebhook", wh.CreateWebhookRequest(address=HOOK, format="soap"), "format"),
    ("ChangeWebhook", wh.ChangeWebhookRequest(webhook_id=WEBHOOK, address=HOOK, format="soap"), "format"),
    ("ListWebhooks", wh.ListWebhooksRequest(tenant="*"), "tenant"),
    ("ChangeWebhook", wh.ChangeWebhookRequest(webhook_id="wh_1", address=HOOK), "webhook_id"),
    ("ChangeWebhook", wh.ChangeWebhookRequest(webhook_id=WEBHOOK), "address"),
    ("RotateWebhookSecret", wh.RotateWebhookSecretRequest(webhook_id="wh_1"), "webhook_id"),
    (
        "RotateWebhookSecret",
        wh.RotateWebhookSecretRequest(webhook_id=WEBHOOK, overlap_seconds=604_801),
        "overlap_seconds",
    ),
    ("GetWebhookSecret", wh.GetWebhookSecretRequest(webhook_id="wh_1"), "webhook_id"),
    ("DeleteWebhook", wh.DeleteWebhookRequest(), "webhook_id"),
    ("ExportEvents", exported(job_id="nonsense"), "selection.job_id"),
    ("ExportEvents", exported(actor="a" * 201), "selection.actor"),
    ("ExportEvents", exported(tenant="a" * 201), "selection.tenant"),
    ("ExportEvents", exported(since=NO_TIME), "selection.since"),
    ("ExportEvents", exported(until=NO_TIME), "selection.until"),
    ("ExportEvents", exported(since=LATER, until=EARLIER), "selection.until"),
    ("ExportEvents", exported(first_position=2, last_position=1), "selection.last_position"),
    ("ExportBundle", ex.ExportBundleRequest(selection=ex.CommitSelection(job_id="x")), "selection.job_id"),
    ("ExportBundle", ex.ExportBundleRequest(earlier_sizes=[1] * 101), "earlier_sizes"),
    ("ExportBundle", ex.ExportBundleRequest(earlier_sizes=[1, 2**63]), "earlier_sizes[1]"),
    ("ListDeliveries", wh.ListDeliveriesRequest(webhook_id="wh_1"), "webhook_id"),
    ("ListDeliveries", wh.ListDeliveriesRequest(webhook_id=WEBHOOK, page_size=1001), "page_size"),
    ("ListDeliveries", wh.ListDeliveriesRequest(webhook_id=WEBHOOK, state=BEYOND), "state"),
    ("Redeliver", wh.RedeliverRequest(webhook_id="wh_1", delivery_id=DELIVERY), "webhook_id"),
    ("Redeliver", wh.RedeliverRequest(webhook_id=WEBHOOK, delivery_id="dlv_1"), "delivery_id"),
]

CASES += [
    ("PlanJob", pb.PlanJobRequest(job=request), field)
    for name, request, field in tuple(CASES)
    if name == "SubmitJob"
]

OF_ONE_JOB: list[tuple[str, Any]] = [
    ("GetJob", pb.GetJobRequest),
    ("CancelJob", pb.CancelJobRequest),
    ("RetryJob", pb.RetryJobRequest),
    (
        "ReprioritizeJob",
        lambda job_id: pb.ReprioritizeJobRequest(job_id=job_id, priority=job_pb2.PRIORITY_HIGH),
    ),
    ("PauseJob", pb.PauseJobRequest),
    ("ResumeJob", pb.ResumeJobRequest),
    ("PrefetchJob", pb.PrefetchJobRequest),
    ("ReproduceJob", pb.ReproduceJobRequest),
    ("EraseJob", pb.EraseJobRequest),
    ("GetStoryboard", pb.GetStoryboardRequest),
    ("GetResult", pb.GetResultRequest),
    ("ExportVideo", lambda job_id: pb.ExportVideoRequest(job_id=job_id, format=pb.EXPORT_FORMAT_GIF)),
    ("ReadArtifact", lambda job_id: pb.ReadArtifactRequest(job_id=job_id, kind=job_pb2.ARTIFACT_KIND_VIDEO)),
    ("ReadLiveVideo", pb.ReadLiveVideoRequest),
    ("ListLogEntries", pb.ListLogEntriesRequest),
    ("WatchJob", pb.WatchJobRequest),
    ("WatchJob", lambda job_id: pb.WatchJobRequest(job_id=job_id, after=0)),
    ("GetHistory", au.GetHistoryRequest),
    ("VerifyJob", au.VerifyJobRequest),
    ("GetInclusionProof", au.GetInclusionProofRequest),
    ("CreateFileTicket", tk.CreateFileTicketRequest),
]
"""Every method whose request has the id of a job, and a request of it that is right but for the job."""
