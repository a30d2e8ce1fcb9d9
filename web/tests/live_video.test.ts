/** The video of a job while it is rendered: what is requested after a lost connection, and what ends it. */
import { expect, test, vi } from "vitest";

vi.mock("../src/api/address", () => ({ pathOf: (link: string) => link }));
vi.mock("../src/api/gateway", () => ({ keyHeaders: () => ({ Authorization: "Bearer key" }) }));
const { followLiveVideo } = await import("../src/api/live_video");
const { codecIn } = await import("../src/pages/job/live_video_codec");

/** Answers requests one after the other. Bytes that end with `null` are a lost connection. */
function answering(...answers: (() => Response)[]): Headers[] {
  const sent: Headers[] = [];
  vi.stubGlobal("fetch", (_: string, { headers }: RequestInit) => {
    sent.push(new Headers(headers));
    const next = answers.shift();
    return next === undefined ? Promise.reject(new TypeError("no answer")) : Promise.resolve(next());
  });
  return sent;
}

function bytes(status: number, attempt: number, ...pieces: (string | null)[]): () => Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else if (piece === null) controller.error(new TypeError("lost"));
      else controller.enqueue(new TextEncoder().encode(piece));
    },
  });
  return () => new Response(body, { status, headers: { ETag: `"live-${attempt}"` } });
}

function refusal(status: number, headers: Record<string, string> = {}): () => Response {
  return () => new Response("{}", { status, headers });
}

async function followed(): Promise<[boolean, string]> {
  let text = "";
  const sink = { add: (piece: Uint8Array) => (text += new TextDecoder().decode(piece)), restart: () => (text = "") };
  vi.useFakeTimers();
  const following = followLiveVideo("job", sink, new AbortController().signal);
  await vi.runAllTimersAsync();
  vi.useRealTimers();
  return [await following, text];
}

test("it goes on where it was", async () => {
  const sent = answering(refusal(409), bytes(200, 1, "one", "two", null), refusal(503), bytes(206, 1, "three"));
  expect(await followed()).toEqual([true, "onetwothree"]);
  expect(sent.map((headers) => headers.get("Range"))).toEqual([null, null, "bytes=6-9007199254740991", "bytes=6-9007199254740991"]);
  expect(sent.map((headers) => headers.get("If-Match"))).toEqual([null, null, '"live-1"', '"live-1"']);
  expect(sent[3]?.get("Authorization")).toBe("Bearer key");
});

test("another attempt begins from the first byte", async () => {
  const sent = answering(bytes(200, 1, "one", null), refusal(412), bytes(200, 2, "again"));
  expect(await followed()).toEqual([true, "again"]);
  expect(sent[2]?.get("Range")).toBeNull();
});

test("a connection that was lost after the last byte is the end", async () => {
  answering(bytes(200, 1, "one", null), refusal(416, { "Content-Range": "bytes */3" }));
  expect(await followed()).toEqual([true, "one"]);
});

test("a job that has ended has none", async () => {
  answering(refusal(404));
  expect(await followed()).toEqual([false, ""]);
});

test("the codec is in the first bytes", () => {
  const bytes = Uint8Array.from([0, 0, 1, 0, ...[..."avcC"].map((letter) => letter.charCodeAt(0)), 1, 0x42, 0xc0, 0x1f, 0xff]);
  expect(codecIn([bytes])).toBe("avc1.42c01f");
  expect(codecIn([bytes.subarray(0, 9), bytes.subarray(9)])).toBe("avc1.42c01f");
  expect(codecIn([bytes.subarray(0, 10)])).toBeUndefined();
});
