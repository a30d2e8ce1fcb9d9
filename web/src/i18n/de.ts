/** Texts in German. */
import { actions } from "./de/actions";
import { analytics } from "./de/analytics";
import { audit } from "./de/audit";
import { dashboard } from "./de/dashboard";
import { frame } from "./de/frame";
import { generate } from "./de/generate";
import { job } from "./de/job";
import { jobs } from "./de/jobs";
import { names } from "./de/names";
import { problems, problemsWithDetail } from "./de/problems";
import { queue } from "./de/queue";
import { schedules } from "./de/schedules";
import { settings } from "./de/settings";
import type { Texts } from "./en";

export const de: Texts = { ...frame, ...names, ...actions, audit, dashboard, jobs, job, generate, analytics, queue, schedules, settings, problems, problemsWithDetail };
