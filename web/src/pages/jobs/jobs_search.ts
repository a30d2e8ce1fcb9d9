/** Filters, order and page of the list of jobs, kept in the address so that a list can be linked and gone back to. */
import type { DateRange, JobsQuery } from "../../api/queries";
import { type JobStatus, PRIORITIES, type Priority, STATUSES } from "../../api/types";
import { JOB_ID } from "../../text/format";

/** What the list is ordered by, each with its name among the texts of fields. */
export const SORT_FIELDS = { created_at: "created", updated_at: "updated", progress: "progress", duration: "ran", priority: "priority" } as const;
export type Sort = keyof typeof SORT_FIELDS;
export const SORTS = Object.keys(SORT_FIELDS) as Sort[];
export const RANGES: readonly DateRange[] = [
  "all_time",
  "today",
  "this_week",
  "this_month",
  "last_24_hours",
  "last_7_days",
  "last_30_days",
];
export const PAGE_SIZES = [10, 25, 50, 100] as const;

export interface JobsSearch {
  statuses: JobStatus[];
  priorities: Priority[];
  models: string[];
  styles: string[];
  range: DateRange;
  /** Local date and time, as a field of the browser has it; empty for none. They replace the range. */
  from: string;
  to: string;
  text: string;
  /** The id of the first job of a request whose variants are listed. */
  variantOf: string;
  sort: Sort;
  order: "asc" | "desc";
}

export function searchOf(params: URLSearchParams): JobsSearch {
  const one = <T extends string>(name: string, values: readonly T[], usual: T): T =>
    values.find((value) => value === params.get(name)) ?? usual;
  const some = <T extends string>(name: string, values: readonly T[]): T[] =>
    values.filter((value) => params.getAll(name).includes(value));
  return {
    statuses: some("status", STATUSES),
    priorities: some("priority", PRIORITIES),
    models: params.getAll("model"),
    styles: params.getAll("style"),
    range: one("range", RANGES, "all_time"),
    from: params.get("from") ?? "",
    to: params.get("to") ?? "",
    text: params.get("text") ?? "",
    variantOf: JOB_ID.exec(params.get("variant_of") ?? "")?.[0] ?? "",
    sort: one("sort", SORTS, "created_at"),
    order: one("order", ["asc", "desc"] as const, "desc"),
  };
}

export function paramsOf(search: JobsSearch): URLSearchParams {
  const params = new URLSearchParams();
  const usual = searchOf(params);
  for (const status of search.statuses) params.append("status", status);
  for (const priority of search.priorities) params.append("priority", priority);
  for (const model of search.models) params.append("model", model);
  for (const style of search.styles) params.append("style", style);
  for (const name of ["range", "from", "to", "text", "sort", "order"] as const) {
    if (search[name] !== usual[name]) params.set(name, search[name]);
  }
  if (search.variantOf !== "") params.set("variant_of", search.variantOf);
  return params;
}

export function hasFilters(search: JobsSearch): boolean {
  const { statuses, priorities, models, styles, range, from, to, text, variantOf } = search;
  const lists = [statuses, priorities, models, styles];
  return lists.some((list) => list.length > 0) || range !== "all_time" || Boolean(from || to || text || variantOf);
}

function utc(local: string): string | undefined {
  const time = Date.parse(local);
  return local && !Number.isNaN(time) ? new Date(time).toISOString() : undefined;
}

/** Return the filter as the gateway takes it, for a list and for an action on all of its jobs. */
export function filterOf(search: JobsSearch): Pick<
  JobsQuery,
  "status" | "priority" | "model" | "style" | "text" | "variant_of" | "date_range" | "from" | "to"
> {
  const from = utc(search.from);
  const to = utc(search.to);
  return {
    ...(search.statuses.length > 0 ? { status: search.statuses } : {}),
    ...(search.priorities.length > 0 ? { priority: search.priorities } : {}),
    ...(search.models.length > 0 ? { model: search.models } : {}),
    ...(search.styles.length > 0 ? { style: search.styles } : {}),
    ...(search.text ? { text: search.text } : {}),
    ...(search.variantOf ? { variant_of: search.variantOf } : {}),
    ...(from === undefined && to === undefined
      ? { date_range: search.range }
      : { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }),
  };
}

/** Return what the gateway is asked for a page of the jobs of a search. */
export function queryOf(search: JobsSearch, page: Pick<JobsQuery, "cursor" | "offset">, pageSize: number): JobsQuery {
  return { ...filterOf(search), sort: search.sort, order: search.order, limit: pageSize, ...page };
}
