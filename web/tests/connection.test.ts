import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveConnection, type LiveState, TicketRefused } from "../src/live/connection";
import type { LiveMessage } from "../src/live/messages";

class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static made: FakeSocket[] = [];
  readyState = FakeSocket.CONNECTING;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(
    readonly address: string,
    readonly protocols: string[],
  ) {
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  receive(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** What was sent without pings. */
  get requests(): Record<string, unknown>[] {
    return this.sent.filter(({ type }) => type !== "ping");
  }
}

let states: LiveState[];
let received: LiveMessage[];
let ticket: () => Promise<{ subprotocols: string[] }>;
let connection: LiveConnection;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  FakeSocket.made = [];
  states = [];
  received = [];
  ticket = () => Promise.resolve({ subprotocols: [] });
  connection = new LiveConnection({
    address: () => "ws://here/ws",
    ticket: () => ticket(),
    onMessage: (message) => received.push(message),
    onState: (state) => states.push(state),
  });
});

afterEach(() => {
  connection.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function opened(): Promise<FakeSocket> {
  await vi.advanceTimersByTimeAsync(20_000);
  const socket = FakeSocket.made.at(-1);
  if (socket === undefined) throw new Error("nothing connected");
  socket.open();
  return socket;
}

async function connected(): Promise<FakeSocket> {
  connection.open();
  await vi.advanceTimersByTimeAsync(0);
  const socket = FakeSocket.made.at(-1);
  if (socket === undefined) throw new Error("nothing connected");
  socket.open();
  return socket;
}

const commit = { type: "job_status_update", position: 7, job_id: "j", data: {} };

test("after a break the jobs' channel resumes after the last position, and a log after its last line", async () => {
  connection.subscribe("jobs");
  connection.subscribe("logs:j");
  const first = await connected();
  expect(first.requests).toEqual([
    { type: "subscribe", channel: "jobs" },
    { type: "subscribe", channel: "logs:j" },
  ]);
  first.receive(commit);
  for (const sequence of [1, 2, 2]) first.receive({ type: "job_log_entry", position: 7, job_id: "j", data: { sequence } });
  expect(received).toHaveLength(3);
  first.onclose?.({ code: 1012 });
  const second = await opened();
  expect(second.requests).toEqual([
    { type: "subscribe", channel: "jobs", after: 7 },
    { type: "subscribe", channel: "logs:j", after: 2 },
  ]);
  second.receive(commit);
  expect(states.at(-1)).toBe("live");
});

test("a connection that answers no ping is replaced", async () => {
  const silent = await connected();
  expect(silent.sent).toEqual([{ type: "ping", id: "page" }]);
  silent.receive({ type: "pong", position: 0, data: { id: "page" } });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(silent.sent).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(silent.readyState).toBe(3);
  expect(states).toEqual(["connecting", "live", "connecting"]);
  await opened();
  expect(FakeSocket.made.length).toBeGreaterThan(1);
  expect(states.at(-1)).toBe("connecting");
});

test("a refused key is not tried again, until another one is there", async () => {
  const socket = await connected();
  socket.onclose?.({ code: 1008 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect([FakeSocket.made.length, states.at(-1)]).toEqual([1, "refused"]);
  ticket = () => Promise.reject(new TicketRefused());
  connection.reconnect();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([FakeSocket.made.length, states.at(-1)]).toEqual([1, "refused"]);
  ticket = () => Promise.resolve({ subprotocols: ["kinolog", "kinolog.key.t"] });
  connection.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(FakeSocket.made.at(-1)?.protocols).toEqual(["kinolog", "kinolog.key.t"]);
});

test("a refused key that is saved again is tried again, and one that is accepted is not", async () => {
  const socket = await connected();
  expect(connection.retryRefused()).toBe(false);
  socket.onclose?.({ code: 1008 });
  expect(connection.retryRefused()).toBe(true);
  expect(connection.retryRefused()).toBe(false);
  await vi.advanceTimersByTimeAsync(0);
  const again = FakeSocket.made.at(-1);
  again?.open();
  again?.receive(commit);
  expect([FakeSocket.made.length, states.at(-1)]).toEqual([2, "live"]);
});

test("a ticket of an earlier key opens nothing", async () => {
  let answer: (ticket: { subprotocols: string[] }) => void = () => undefined;
  ticket = () => new Promise((resolve) => (answer = resolve));
  connection.open();
  connection.close();
  const late = answer;
  ticket = () => Promise.resolve({ subprotocols: ["new"] });
  connection.open();
  await vi.advanceTimersByTimeAsync(0);
  late({ subprotocols: ["old"] });
  await vi.advanceTimersByTimeAsync(0);
  expect(FakeSocket.made.map(({ protocols }) => protocols)).toEqual([["new"]]);
});

test("a channel ends with its last subscription", async () => {
  const socket = await connected();
  const ends = [connection.subscribe("job:j"), connection.subscribe("job:j")];
  ends[0]?.();
  expect(socket.requests).toEqual([{ type: "subscribe", channel: "job:j" }]);
  ends[1]?.();
  expect(socket.requests.at(-1)).toEqual({ type: "unsubscribe", channel: "job:j" });
});

test("a log that was replaced is read from now on", async () => {
  connection.subscribe("jobs");
  const first = await connected();
  first.receive(commit);
  first.receive({ type: "error", position: 7, data: { reason: "POSITION_AHEAD", message: "", channel: "jobs" } });
  first.onclose?.({ code: 1012 });
  const second = await opened();
  expect(second.requests).toEqual([{ type: "subscribe", channel: "jobs" }]);
});
