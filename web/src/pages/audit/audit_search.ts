/** What the page of audits shows, kept in the address: the tab, the question, and the time or position of the queue. */
import type { AuditRights } from "../../api/audit";
import { JOB_ID } from "../../text/format";

export const TABS = ["search", "past", "heads", "verify", "export"] as const;
export type TabName = (typeof TABS)[number];

export interface AuditSearch {
  tab: TabName;
  /** The question. */
  question: string;
  isOldestFirst: boolean;
  /** Whether commits are counted by actor and command. */
  isCounted: boolean;
  /** A position of the log, or a time; undefined for now. */
  at: string | undefined;
  /** The job that is verified. */
  job: string;
}

const POSITION = /^[0-9]{1,19}$/;
const ZONED_TIME = /^[0-9-]{10}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$/;

/** Return a position or a time as the gateway takes them; undefined for another text. A time with a zone stays exact. */
export function momentOf(text: string | null): string | undefined {
  if (text === null || text === "") return undefined;
  if (POSITION.test(text)) return text;
  const time = Date.parse(text);
  if (Number.isNaN(time)) return undefined;
  return ZONED_TIME.test(text) ? text : new Date(time).toISOString();
}

export function isPosition(at: string | undefined): boolean {
  return at !== undefined && POSITION.test(at);
}

export function auditSearchOf(params: URLSearchParams): AuditSearch {
  const at = momentOf(params.get("at"));
  const usual: TabName = at !== undefined && !params.has("q") ? "past" : params.has("job") ? "verify" : "search";
  return {
    tab: TABS.find((name) => name === params.get("tab")) ?? usual,
    question: params.get("q") ?? "",
    isOldestFirst: params.get("order") === "oldest",
    isCounted: params.get("show") === "who",
    at,
    job: JOB_ID.exec(params.get("job") ?? "")?.[0] ?? "",
  };
}

export function auditParamsOf(search: AuditSearch): URLSearchParams {
  const params = new URLSearchParams();
  if (search.question !== "") params.set("q", search.question);
  if (search.isOldestFirst) params.set("order", "oldest");
  if (search.isCounted) params.set("show", "who");
  if (search.at !== undefined) params.set("at", search.at);
  if (search.job !== "") params.set("job", search.job);
  if (auditSearchOf(params).tab !== search.tab) params.set("tab", search.tab);
  return params;
}

/** A word of a question that the server does not understand, as its message names it. */
export interface WrongWord {
  /** Where it begins, counted from 1. */
  column: number;
  word: string;
  problem: string;
}

const WRONG_WORD = /^at column ([0-9]+), `(.*?)`: (.*)$/s;

/** Return what a message says of a word; undefined if it is about the whole question. */
export function wrongWordOf(message: string): WrongWord | undefined {
  const [, column, word, problem] = WRONG_WORD.exec(message) ?? [];
  return column === undefined || word === undefined || problem === undefined ? undefined : { column: Number(column), word, problem };
}

const PLAIN = /^[^\s",]+$/;

/** Return a condition of a question. A value with blanks, commas or quotes is in double quotes. */
export function conditionOf(field: string, value: string): string {
  const quoted = PLAIN.test(value) ? value : `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  return `${field}=${quoted}`;
}

/** Return a question with one more condition. One that it has already is not added. */
export function withCondition(question: string, condition: string): string {
  const words = question.trim();
  if (words.split(/\s+/).includes(condition)) return words;
  return words === "" ? condition : `${words} ${condition}`;
}

/** What each tab takes. */
export interface TabProps {
  search: AuditSearch;
  rights: AuditRights;
  /** Show something else. */
  onChange: (part: Partial<AuditSearch>) => void;
}
