/**
 * The video of a job while it is rendered: its bytes as they are drawn, on over lost connections and restarts of the gateway.
 *
 * The address names the job, and the ETag the attempt. A range without an end goes on with what is drawn later (RFC 8673).
 */
import { pathOf } from "./address";
import { keyHeaders } from "./gateway";

const LAST_BYTE = Number.MAX_SAFE_INTEGER;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;
/** Another attempt has begun: its bytes are others. */
const CHANGED = 412;
/** No frame is decoded yet. */
const NOT_BEGUN = 409;
const AT_THE_END = 416;
/** Answers of a gateway that starts, or whose api does. */
const AWAY = [502, 503, 504];

export interface LiveVideoSink {
  /** Take the next bytes. */
  add: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Take from now on the bytes of another attempt, from the first one. */
  restart: () => void;
}

function paused(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Pass the bytes on until the last frame, and return true. Return false if there is no live video, or it is aborted. */
export async function followLiveVideo(jobId: string, sink: LiveVideoSink, signal: AbortSignal): Promise<boolean> {
  const address = pathOf(`/api/v1/result/${jobId}/stream?wait_seconds=20`);
  let received = 0;
  let tag = "";
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const headers = new Headers(keyHeaders());
    if (received > 0) {
      headers.set("Range", `bytes=${received}-${LAST_BYTE}`);
      headers.set("If-Match", tag);
    }
    try {
      const response = await fetch(address, { headers, cache: "no-store", signal });
      if (response.ok && response.body !== null) {
        tag = response.headers.get("ETag") ?? "";
        pause = FIRST_PAUSE_MS;
        const reader = response.body.getReader();
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          received += piece.value.length;
          sink.add(piece.value);
        }
        return true;
      }
      await response.body?.cancel();
      if (response.status === AT_THE_END && response.headers.get("Content-Range") === `bytes */${received}`) return true;
      if (response.status === CHANGED) {
        received = 0;
        sink.restart();
        continue;
      }
      if (response.status !== NOT_BEGUN && !AWAY.includes(response.status)) return false;
    } catch {
      // The connection was lost, or it is aborted.
    }
    await paused(pause, signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
  return false;
}
