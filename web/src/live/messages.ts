/** The messages of the WebSocket, by short names. */
import type { components } from "./message_types";

type Schemas = components["schemas"];

export type JobMessage =
  | Schemas["JobStatusUpdate"]
  | Schemas["JobCompleted"]
  | Schemas["JobFailed"]
  | Schemas["JobCancelled"];
export type JobPreview = Schemas["JobPreview"];
export type JobLogEntry = Schemas["JobLogEntry"];
export type QueueUpdated = Schemas["QueueUpdated"];
export type LiveError = Schemas["ErrorMessage"];
export type Pong = Schemas["Pong"];
export type LiveMessage = JobMessage | JobPreview | JobLogEntry | QueueUpdated | LiveError | Pong;
export type JobProgress = Schemas["JobData"];

/** A channel that a client subscribes to: `jobs`, `queue`, `job:<id>` or `logs:<id>`. */
export type Channel = "jobs" | "queue" | `job:${string}` | `logs:${string}`;

export function isJobMessage(message: LiveMessage): message is JobMessage {
  return (
    message.type === "job_status_update" ||
    message.type === "job_completed" ||
    message.type === "job_failed" ||
    message.type === "job_cancelled"
  );
}
