/** Texts in English. Every other language has the same keys. */
import { actions } from "./en/actions";
import { analytics } from "./en/analytics";
import { audit } from "./en/audit";
import { dashboard } from "./en/dashboard";
import { frame } from "./en/frame";
import { generate } from "./en/generate";
import { job } from "./en/job";
import { jobs } from "./en/jobs";
import { names } from "./en/names";
import { problems, problemsWithDetail } from "./en/problems";
import { queue } from "./en/queue";
import { schedules } from "./en/schedules";
import { settings } from "./en/settings";

export const en = { ...frame, ...names, ...actions, audit, dashboard, jobs, job, generate, analytics, queue, schedules, settings, problems, problemsWithDetail };

/** The texts of a language: the keys of the English ones. */
export type Texts = typeof en;
