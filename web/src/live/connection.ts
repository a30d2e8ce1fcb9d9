/**
 * The connection for live updates: one WebSocket for the whole page.
 *
 * It resumes by position: after a reconnect each channel is subscribed with `after`, so nothing is missed and no commit
 * comes twice. The gateway pings out of sight of a page, so the page sends pings of its own: a connection that answers
 * none within `SILENCE_MS` is dropped and replaced.
 */
import type { Channel, LiveMessage } from "./messages";

export type LiveState = "connecting" | "live" | "paused" | "refused";
/** `paused`: the connection stands, but the gateway gets no updates. `refused`: the key is not accepted. */

export interface Ticket {
  /** Subprotocols of the handshake; empty where no key is needed. */
  subprotocols: readonly string[];
}

export interface LiveParts {
  address: () => string;
  /** Returns what to present in the handshake. Rejects with `TicketRefused` if the key is not accepted. */
  ticket: () => Promise<Ticket>;
  onMessage: (message: LiveMessage) => void;
  onState: (state: LiveState) => void;
}

export class TicketRefused extends Error {}

const PING_MS = 10_000;
const SILENCE_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
const KEY_REFUSED = 1008;

/** Whether a message says that updates pause. The next other one of a channel says that they go on. */
function isPause(message: LiveMessage): boolean {
  return message.type === "error" && message.data.reason === "API_UNAVAILABLE";
}

export class LiveConnection {
  #socket: WebSocket | undefined;
  #channels = new Map<Channel, number>();
  #position = 0;
  /** Greatest sequence of the lines of each log. */
  #sequences = new Map<Channel, number>();
  #retryMs = FIRST_RETRY_MS;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #isClosed = false;
  #isRefused = false;
  #pings = 0;
  /** Whether the gateway has sent anything since the connection opened. One that is open but silent is no live one. */
  #isAnswered = false;
  /** Counts what was asked to connect: an answer to an earlier one, such as for another key, is of no use. */
  #attempt = 0;
  readonly #parts: LiveParts;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Connect as another person, or for the first time: there is nothing to resume. */
  open(): void {
    this.#isClosed = false;
    this.#position = 0;
    this.#sequences.clear();
    void this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  /** Connect again now, such as after the person has entered another key. */
  reconnect(): void {
    this.#retryMs = FIRST_RETRY_MS;
    this.#drop();
    if (!this.#isClosed) void this.#connect();
  }

  /** Connect again if the key was refused: the person has saved it once more. Returns whether it was refused. */
  retryRefused(): boolean {
    if (!this.#isRefused) return false;
    this.reconnect();
    return true;
  }

  /** Subscribe to a channel until the returned function is called. Subscriptions of one channel are counted. */
  subscribe(channel: Channel): () => void {
    const others = this.#channels.get(channel) ?? 0;
    this.#channels.set(channel, others + 1);
    if (others === 0) this.#send({ type: "subscribe", channel });
    return () => {
      const left = (this.#channels.get(channel) ?? 1) - 1;
      if (left > 0) {
        this.#channels.set(channel, left);
        return;
      }
      this.#channels.delete(channel);
      this.#sequences.delete(channel);
      this.#send({ type: "unsubscribe", channel });
    };
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#isRefused = false;
    this.#parts.onState("connecting");
    let ticket: Ticket;
    try {
      ticket = await this.#parts.ticket();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (error instanceof TicketRefused) this.#refuse();
      else this.#retry();
      return;
    }
    if (this.#isClosed || attempt !== this.#attempt) return;
    this.#drop();
    const socket = new WebSocket(this.#parts.address(), [...ticket.subprotocols]);
    this.#socket = socket;
    this.#after(SILENCE_MS, () => {
      if (socket.readyState === WebSocket.CONNECTING) this.#lose(socket);
    });
    socket.onopen = () => {
      for (const channel of this.#channels.keys()) this.#send({ type: "subscribe", channel, ...this.#resumption(channel) });
      this.#watch(socket);
    };
    socket.onmessage = (event: MessageEvent<string>) => this.#receive(JSON.parse(event.data) as LiveMessage);
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#forget();
      if (event.code === KEY_REFUSED) this.#refuse();
      else this.#retry();
    };
  }

  #refuse(): void {
    this.#isRefused = true;
    this.#parts.onState("refused");
  }

  #resumption(channel: Channel): { after?: number } {
    if (channel.startsWith("logs:")) {
      const sequence = this.#sequences.get(channel);
      return sequence === undefined ? {} : { after: sequence };
    }
    // The state of a job and the counts are sent again: they are whole, and older ones are of no use.
    return channel === "jobs" && this.#position > 0 ? { after: this.#position } : {};
  }

  #receive(message: LiveMessage): void {
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#retryMs = FIRST_RETRY_MS;
      if (!isPause(message)) this.#parts.onState("live");
    }
    if (message.type === "pong") {
      this.#pings = 0;
      return;
    }
    if (message.type === "error") {
      if (isPause(message)) this.#parts.onState("paused");
      if (message.data.reason === "POSITION_AHEAD") this.#position = 0;
    } else {
      this.#position = Math.max(this.#position, message.position);
      this.#parts.onState("live");
    }
    if (message.type === "job_log_entry") {
      const channel: Channel = `logs:${message.job_id}`;
      const newest = this.#sequences.get(channel) ?? 0;
      if (message.data.sequence <= newest) return;
      this.#sequences.set(channel, message.data.sequence);
    }
    this.#parts.onMessage(message);
  }

  /** Ping, and drop the connection once a ping is not answered. */
  #watch(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#pings += 1;
    this.#send({ type: "ping", id: "page" });
    this.#after(SILENCE_MS, () => {
      if (this.#socket !== socket) return;
      if (this.#pings > 0) this.#lose(socket);
      else this.#after(PING_MS, () => this.#watch(socket));
    });
  }

  #send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Give a connection up that does not answer, and make another. */
  #lose(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#drop();
    this.#retry();
  }

  #retry(): void {
    if (this.#isClosed) return;
    this.#parts.onState("connecting");
    const delay = this.#retryMs * (0.5 + Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    this.#after(delay, () => {
      if (this.#socket === undefined) void this.#connect();
    });
  }

  #drop(): void {
    const socket = this.#socket;
    this.#forget();
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #forget(): void {
    this.#socket = undefined;
    this.#pings = 0;
    this.#isAnswered = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #after(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
