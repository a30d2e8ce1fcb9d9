/** The pages by their addresses. Each is loaded when it is opened, and the first one as soon as the script runs. */
import { type ComponentType, lazy } from "react";
import { matchPath } from "react-router";
import type { QueryClient } from "@tanstack/react-query";
import { ROOT } from "./api/address";
import type { Reading } from "./api/queries";

/** What stands before the paths of the pages: the prefix of a proxy, if there is one. */
export const BASENAME = ROOT.replace(/\/$/, "");

type Params = Readonly<Record<string, string | undefined>>;

interface PageModule {
  default: ComponentType;
  /** What the page reads first, by the parameters of its path. */
  readings?: (queries: QueryClient, params: Params) => readonly Reading[];
}

type Load = () => Promise<PageModule>;

export interface PageRoute {
  path: string;
  load: Load;
  /** The page, or what loads it when it is drawn. */
  Page: ComponentType;
}

function route(path: string, load: Load): PageRoute {
  return { path, load, Page: lazy(load) };
}

export const ROUTES: readonly PageRoute[] = [
  route("/", () => import("./pages/dashboard/dashboard")),
  route("/jobs", () => import("./pages/jobs/jobs")),
  route("/jobs/:jobId", () => import("./pages/job/job_page")),
  route("/generate", () => import("./pages/generate/generate")),
  route("/schedules", () => import("./pages/schedules/schedules")),
  route("/analytics", () => import("./pages/analytics/analytics")),
  route("/audit", () => import("./pages/audit/audit")),
  route("/settings", () => import("./pages/settings/settings")),
];

/**
 * Load the page of an address, so that it is drawn with what is around it. Its failure is shown where the page is.
 *
 * What loads a page would stand for it for a moment, even if the page is there. Return what starts to read what the page
 * shows first, so that the answers are under way while the page is drawn.
 */
export async function preload(pathname: string): Promise<(queries: QueryClient) => void> {
  const path = pathname.slice(BASENAME.length);
  for (const found of ROUTES) {
    const match = matchPath(found.path, path);
    if (match === null) continue;
    const page = await found.load().catch(() => undefined);
    if (page !== undefined) found.Page = page.default;
    return (queries) => {
      for (const reading of page?.readings?.(queries, match.params) ?? []) {
        queries.query(reading).catch(() => undefined); // the page tells of it
      }
    };
  }
  return () => undefined;
}
