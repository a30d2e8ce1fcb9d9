/** Exports of the log: resumed without a gap and without an event twice, stopped, and refused. */
import { expect, test, vi } from "vitest";

vi.mock("../src/api/address", () => ({ pathOf: (link: string) => link }));
vi.mock("../src/api/gateway", () => ({ keyHeaders: () => ({ Authorization: "Bearer key" }) }));
const { exportBundle, exportEvents } = await import("../src/api/event_export");

const ALL = { job: "", actor: "", tenant: "", since: "", until: "" };

function line(position: number, index: number): string {
  return `${JSON.stringify({ position: String(position), eventindex: index })}\n`;
}

/** An answer with these pieces. `null` is a lost connection. */
function streamed(...pieces: (string | null)[]): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else if (piece === null) controller.error(new TypeError("lost"));
      else controller.enqueue(new TextEncoder().encode(piece));
    },
  });
  return new Response(body, { headers: { "X-Kinolog-Position": "9", "Content-Length": "6" } });
}

/** Answers requests one after the other. Return the queries that were sent. */
function answering(...answers: (Response | null)[]): string[] {
  const sent: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    sent.push(path.split("?")[1] ?? "");
    const next = answers.shift();
    return next == null ? Promise.reject(new TypeError("no answer")) : Promise.resolve(next);
  });
  return sent;
}

async function settled<T>(work: Promise<T>): Promise<T> {
  vi.useFakeTimers();
  work.catch(() => undefined);
  await vi.runAllTimersAsync();
  vi.useRealTimers();
  return work;
}

test("a lost connection is resumed after the last whole line", async () => {
  const sent = answering(
    streamed(line(3, 0), line(3, 1), line(4, 0).slice(0, 9), null),
    null,
    new Response("{}", { status: 503 }),
    streamed(line(3, 0), line(3, 1) + line(3, 2), "\n\n", line(4, 0), line(9, 0)),
  );
  const seen: number[] = [];
  const exported = await settled(exportEvents({ ...ALL, actor: "ada" }, true, ({ position }) => seen.push(position), new AbortController().signal));
  expect(await exported.blob.text()).toBe([line(3, 0), line(3, 1), line(3, 2), line(4, 0), line(9, 0)].join(""));
  expect([exported.events, exported.position, exported.last]).toEqual([5, 9, 9]);
  expect(seen).toEqual([3, 3, 3, 4, 9]);
  const again = "actor=ada&from=3&to=9&prompts=true";
  expect(sent).toEqual(["actor=ada&prompts=true", again, again, again]);
});

test("a refusal ends an export at once", async () => {
  const sent = answering(new Response(JSON.stringify({ reason: "OTHER_TENANT", detail: "not yours" }), { status: 403 }));
  await expect(exportEvents(ALL, false, () => undefined, new AbortController().signal)).rejects.toThrow("not yours");
  expect(sent).toHaveLength(1);
});

test("a server that stays away ends it after some tries", async () => {
  const sent = answering();
  await expect(settled(exportEvents(ALL, false, () => undefined, new AbortController().signal))).rejects.toMatchObject({ status: 0 });
  expect(sent).toHaveLength(6);
});

test("an export that is stopped while it waits ends", async () => {
  answering(null);
  const stop = new AbortController();
  const work = exportEvents(ALL, false, () => undefined, stop.signal);
  stop.abort();
  await expect(work).rejects.toBe(stop.signal.reason);
});

test("an archive that is cut off is none", async () => {
  answering(streamed("PK", "1234"), streamed("PK"));
  const seen: number[] = [];
  const whole = await exportBundle(ALL, { files: true, prompts: false }, (received) => seen.push(received), new AbortController().signal);
  expect(whole.size).toBe(6);
  expect(seen).toEqual([2, 6]);
  await expect(exportBundle(ALL, { files: false, prompts: false }, () => undefined, new AbortController().signal)).rejects.toMatchObject({ status: 0 });
});
