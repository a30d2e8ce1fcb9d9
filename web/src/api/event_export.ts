/** Exports of the log: events as they come, resumed after a lost connection, and archives as they are received. */
import { fetched } from "./fetched";
import { NO_ANSWER, RequestFailed } from "./problem";

/** Which commits are exported. Empty fields select nothing. */
export interface CommitSelection {
  job: string;
  actor: string;
  tenant: string;
  /** Times with a zone. */
  since: string;
  until: string;
}

export interface ExportProgress {
  events: number;
  position: number;
  last: number;
}

export interface ExportedEvents extends ExportProgress {
  blob: Blob;
}

/** Place of an event in the log: the position of its commit, and its index there. */
interface EventPlace {
  position: number;
  index: number;
}

const MOST_TRIES = 5;
const FIRST_PAUSE_MS = 500;
/** Lines are gathered into parts of about this many letters: what the browser stores as one. */
const PART_LETTERS = 1 << 20;

function queryOf(selection: CommitSelection, others: Readonly<Record<string, string>>): string {
  const filled = Object.entries({ ...selection, ...others }).filter(([, value]) => value !== "");
  return new URLSearchParams(Object.fromEntries(filled)).toString();
}

/** Return the place that a line of an export states. */
function placeOf(line: string): EventPlace {
  const { position, eventindex } = JSON.parse(line) as { position: string; eventindex: number };
  return { position: Number(position), index: eventindex };
}

function isAfter(one: EventPlace, other: EventPlace | undefined): boolean {
  if (other === undefined) return true;
  return one.position > other.position || (one.position === other.position && one.index > other.index);
}

/** Yield the whole lines of an answer. Throws `RequestFailed` if the connection is lost. */
async function* linesOf(response: Response, signal: AbortSignal): AsyncGenerator<string> {
  const reader = (response.body ?? new Blob([]).stream()).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch {
    signal.throwIfAborted();
    throw new RequestFailed(NO_ANSWER, {});
  }
}

function paused(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason as Error);
    }, { once: true });
  });
}

/**
 * Read the events of the selected commits, as lines.
 *
 * A lost connection is resumed after the last whole line, to the same end. Throws `RequestFailed`.
 */
export async function exportEvents(
  selection: CommitSelection,
  withPrompts: boolean,
  onProgress: (progress: ExportProgress) => void,
  signal: AbortSignal,
): Promise<ExportedEvents> {
  const parts: Blob[] = [];
  let lines: string[] = [];
  let letters = 0;
  let after: EventPlace | undefined;
  let last: number | undefined;
  let events = 0;
  let failures = 0;

  function flush(): void {
    parts.push(new Blob(lines));
    lines = [];
    letters = 0;
  }

  const progress = (): ExportProgress => ({ events, position: after?.position ?? 0, last: last ?? 0 });

  for (;;) {
    const place: Record<string, string> = {};
    if (after !== undefined) place["from"] = String(after.position);
    if (last !== undefined && last > 0) place["to"] = String(last);
    if (withPrompts) place["prompts"] = "true";
    try {
      const response = await fetched(`/api/v1/audit/export?${queryOf(selection, place)}`, signal);
      last ??= Number(response.headers.get("X-Kinolog-Position") ?? 0);
      for await (const line of linesOf(response, signal)) {
        if (line === "") continue; // no commit matched for a while
        const here = placeOf(line);
        if (!isAfter(here, after)) continue;
        after = here;
        events += 1;
        failures = 0;
        lines.push(`${line}\n`);
        letters += line.length;
        if (letters > PART_LETTERS) flush();
        onProgress(progress());
      }
      flush();
      return { ...progress(), blob: new Blob(parts, { type: "application/x-ndjson" }) };
    } catch (error) {
      const isLost = error instanceof RequestFailed && (error.status === NO_ANSWER || error.status >= 502);
      failures += 1;
      if (!isLost || failures > MOST_TRIES) throw error;
      await paused(FIRST_PAUSE_MS * 2 ** (failures - 1), signal);
    }
  }
}

/** Read an archive that proves the selected commits. It is made before its first byte comes. Throws `RequestFailed`. */
export async function exportBundle(
  selection: CommitSelection,
  content: { files: boolean; prompts: boolean },
  onProgress: (received: number, size: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  const chosen = { files: content.files ? "true" : "", prompts: content.prompts ? "true" : "" };
  const response = await fetched(`/api/v1/audit/bundle?${queryOf(selection, chosen)}`, signal);
  const size = Number(response.headers.get("Content-Length") ?? 0);
  const reader = (response.body ?? new Blob([]).stream()).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      received += value.length;
      onProgress(received, size);
    }
  } catch {
    signal.throwIfAborted();
    throw new RequestFailed(NO_ANSWER, {});
  }
  if (received < size) throw new RequestFailed(NO_ANSWER, {});
  return new Blob(parts, { type: "application/zip" });
}
