/** The shapes of the gateway's answers, by short names. */
import type { components } from "./rest_types";

type Schemas = components["schemas"];

export type Job = Schemas["JobView"];
export type JobDetail = Schemas["JobDetail"];
export type Attempt = Schemas["AttemptView"];
export type JobStatus = Job["status"];
export type Priority = Job["priority"];
export type QueuePause = Schemas["QueuePauseView"];
export type JobList = Schemas["JobList"];
export type JobSummary = Schemas["JobSummary"];
export type JobPlan = Schemas["JobPlanView"];
export type ScenePlan = Schemas["ScenePlanView"];
export type Scene = Schemas["SceneView"];
export type Storyboard = Schemas["StoryboardView"];
export type LogEntry = Schemas["LogEntryView"];
export type History = Schemas["HistoryView"];
export type Commit = Schemas["CommitView"];
export type Proof = Schemas["ProofView"];
export type FoundCommit = Schemas["FoundCommitView"];
export type FoundCommits = Schemas["FoundCommitsView"];
export type CommandCount = Schemas["CommandCountView"];
export type JobPlace = Schemas["JobPlaceView"];
export type QueueAt = Schemas["QueueAtView"];
export type TreeHead = Schemas["TreeHeadView"];
export type LastTreeHead = Schemas["LastTreeHeadView"];
export type Verification = Schemas["VerificationView"];
export type ComparedPart = Schemas["ComparedPartView"];
export type FileCheck = Verification["files"];
export type HeadPlace = Schemas["HeadPlaceView"];
export type Model = Schemas["ModelView"];
export type Models = Schemas["ModelsView"];
export type Lora = Schemas["LoraView"];
export type Worker = Schemas["WorkerView"];
export type Alarm = Schemas["AlarmView"];
export type ActivityEntry = Schemas["ActivityEntryView"];
export type ApiKey = Schemas["ApiKeyView"];
export type CreatedApiKey = Schemas["CreatedKeyView"];
export type Usage = Schemas["UsageView"];
export type Caller = Schemas["CallerView"];
export type GenerateRequest = Schemas["GenerateRequest"];
export type NewSchedule = Schemas["NewScheduleRequest"];
export type Schedule = Schemas["ScheduleView"];
export type Reproduction = Schemas["ReproductionView"];
export type InputRole = Schemas["GenerateInput"]["role"];
export type Upload = Schemas["UploadView"];
export type BulkResponse = Schemas["BulkResponse"];
export type Overview = Schemas["OverviewView"];
export type Trend = Schemas["TrendPointView"];
export type QueueDepth = Schemas["DepthPointView"];
export type StageTime = Schemas["StageTimeView"];
export type SuccessRate = Schemas["SuccessRateView"];
export type SignedLinks = Schemas["SignedLinks"];
export type Problem = Schemas["Problem"];

export const STATUSES: readonly JobStatus[] = ["processing", "queued", "failed", "cancelled", "completed"];
export const PRIORITIES: readonly Priority[] = ["critical", "high", "medium", "low"];

export function hasEnded(status: JobStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}
