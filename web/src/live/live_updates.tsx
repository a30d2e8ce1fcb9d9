/** Live updates for all pages: the connection, what its messages change, and polling while it does not stand. */
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, createContext, useContext, useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { liveAddress } from "../api/address";
import { answered, gateway } from "../api/gateway";
import { takeCommit } from "../api/known_job";
import { staysInPlace, takeIntoLists } from "../api/known_lists";
import { takeLine } from "../api/known_log";
import { isKeyRefused } from "../api/problem";
import type { NextJobs } from "../api/next_jobs";
import { queryKeys } from "../api/query_keys";
import type { JobDetail } from "../api/types";
import { useNotices } from "../session/notices";
import { settings, useSettings } from "../session/settings";
import { isAnyVisible } from "../session/visible_tabs";
import { shortId } from "../text/format";
import { LiveConnection, type Ticket, TicketRefused } from "./connection";
import { liveStore } from "./live_store";
import { type Channel, type JobMessage, type LiveMessage, isJobMessage } from "./messages";

const ConnectionContext = createContext<LiveConnection | undefined>(undefined);
/** Lists load again this long after a commit that moves a job in them, once for all commits until then. */
const RELOAD_MS = 2_000;
/** Rows change this long after a commit that moves no job, once for all commits until then. */
const ROWS_MS = 1_000;

async function ticket(): Promise<Ticket> {
  if (!settings.getState().apiKey) return { subprotocols: [] };
  try {
    const answer = await answered(gateway.POST("/api/v1/tickets", { body: {} }));
    return { subprotocols: answer.subprotocols ?? [] };
  } catch (error) {
    throw isKeyRefused(error) ? new TicketRefused() : error;
  }
}

/** Tell of a job outside the page, unless a tab of it shows the message. Of all hidden tabs one notification remains. */
async function notify(text: string, jobId: string): Promise<void> {
  if (!("Notification" in window) || Notification.permission !== "granted" || (await isAnyVisible())) return;
  new Notification("kinolog", { body: text, tag: jobId });
}

/** Turns messages into changes of what the pages show. */
class Updates {
  readonly #queries: QueryClient;
  readonly #onEnd: (message: JobMessage) => void;
  #reload: ReturnType<typeof setTimeout> | undefined;
  /** Jobs of commits that move none in the lists. */
  readonly #inPlace = new Map<string, JobDetail>();

  constructor(queries: QueryClient, onEnd: (message: JobMessage) => void) {
    this.#queries = queries;
    this.#onEnd = onEnd;
  }

  apply(message: LiveMessage): void {
    if (isJobMessage(message)) this.#applyJob(message);
    else if (message.type === "queue_updated") liveStore.setCounts(message.data);
    else if (message.type === "job_preview") {
      const { media_type, image, scene, step } = message.data;
      liveStore.setPreview(message.job_id, { image: `data:${media_type};base64,${image}`, scene, step });
    } else if (message.type === "job_log_entry") takeLine(this.#queries, message.job_id, message.data);
  }

  #applyJob(message: JobMessage): void {
    const { job, events } = message.data;
    if (job !== null) {
      takeCommit(this.#queries, message.job_id, job);
      void this.#queries.invalidateQueries({ queryKey: queryKeys.partsOfJob(message.job_id) });
      if (staysInPlace(events)) this.#changeRowSoon(job);
      else this.#reloadSoon();
    }
    if (message.type === "job_status_update") {
      liveStore.setProgress(message.job_id, message.data);
    } else {
      liveStore.forget(message.job_id);
      // Without events it is the state that a subscription begins with, and no news.
      if (message.data.events.length > 0) this.#onEnd(message);
    }
  }

  #reloadSoon(): void {
    this.#reload ??= setTimeout(() => {
      this.#reload = undefined;
      void this.#queries.invalidateQueries({ queryKey: queryKeys.ofManyJobs });
      void this.#queries.invalidateQueries({
        queryKey: queryKeys.next,
        predicate: ({ state }) => (state.data as NextJobs | undefined)?.isWhole !== false,
      });
    }, RELOAD_MS);
  }

  #changeRowSoon(job: JobDetail): void {
    if (this.#inPlace.size === 0) {
      setTimeout(() => {
        takeIntoLists(this.#queries, this.#inPlace);
        this.#inPlace.clear();
      }, ROWS_MS);
    }
    this.#inPlace.set(job.job_id, job);
  }
}

export function LiveUpdates({ children }: { children: ReactNode }): ReactNode {
  const queries = useQueryClient();
  const { t } = useTranslation();
  const apiKey = useSettings((state) => state.apiKey);
  const show = useNotices((state) => state.show);
  const connection = useMemo(() => {
    const updates = new Updates(queries, (message) => {
      if (!settings.getState().notifications || message.type === "job_status_update") return;
      const text = t(`ended.${message.data.status}`, { job: shortId(message.job_id) });
      show(message.type === "job_failed" ? "error" : "success", text, { link: `/jobs/${message.job_id}` });
      void notify(text, message.job_id);
    });
    return new LiveConnection({
      address: liveAddress,
      ticket,
      onMessage: (message) => updates.apply(message),
      onState: (state) => {
        const was = liveStore.state;
        liveStore.setState(state);
        // What passed by in the meantime is read again; the jobs' channel resumes by itself.
        if (state === "live" && was !== "live") void queries.invalidateQueries();
      },
    });
  }, [queries, show, t]);

  useEffect(() => {
    liveStore.clear();
    connection.open();
    const subscriptions = (["jobs", "queue"] as const).map((channel) => connection.subscribe(channel));
    const online = (): void => connection.reconnect();
    addEventListener("online", online);
    return () => {
      removeEventListener("online", online);
      for (const end of subscriptions) end();
      connection.close();
    };
  }, [connection, apiKey]);

  return <ConnectionContext.Provider value={connection}>{children}</ConnectionContext.Provider>;
}

/** Subscribe to a channel while the component is shown. */
export function useChannel(channel: Channel | undefined): void {
  const connection = useContext(ConnectionContext);
  useEffect(() => (channel === undefined ? undefined : connection?.subscribe(channel)), [connection, channel]);
}

/** Connect again now. */
export function useReconnect(): () => void {
  const connection = useContext(ConnectionContext);
  return () => connection?.reconnect();
}

/** Connect again now if the key was refused. Returns whether it was. */
export function useRetryRefused(): () => boolean {
  const connection = useContext(ConnectionContext);
  return () => connection?.retryRefused() ?? false;
}
