/** The form of a new video: its draft, what is wrong with it, and how it is sent. */
import { type UseQueryResult, useMutation } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { fetchedFile } from "../../api/fetched";
import { answered, gateway } from "../../api/gateway";
import { RequestFailed } from "../../api/problem";
import { usePlan } from "../../api/queries";
import type { GenerateRequest, JobPlan, Model, Upload } from "../../api/types";
import { ServerText } from "../../components/server_text";
import { useNotices } from "../../session/notices";
import { shortId } from "../../text/format";
import { type Trouble, type Troubles, troublesOf } from "./checks";
import { type Draft, type DraftInput, requestOf, scheduleOf } from "./draft";
import { useSettled } from "./use_settled";

/** Fields of the server's request by those of the draft, where the names differ. */
const FIELD_NAMES: Record<string, string> = {
  negativePrompt: "negative_prompt",
  interpolation: "interpolate_fps",
  isChained: "chained",
  startAfter: "start_after",
  startTimeout: "start_timeout_seconds",
  scheduleName: "name",
};
/** What stands before the fields of a schedule's job. */
const JOB_PREFIX = /^job\./;

/** The server is asked what a draft will make when a person has typed nothing for so long. */
const SETTLED_MS = 350;

/** What is said after a draft was sent, and the page that shows what came of it. */
interface Sent {
  message: string;
  path: string;
}

export interface FormState {
  draft: Draft;
  model: Model;
  change: (part: Partial<Draft>) => void;
  /** Change the files as they are then: an upload may end after others were added or removed. */
  changeInputs: (change: (inputs: readonly DraftInput[]) => readonly DraftInput[]) => void;
  /** Return what is wrong with a field: what the page sees while one types, and what the server said. */
  errorOf: (field: string) => ReactNode;
  troubles: Troubles;
  submit: () => void;
  isSending: boolean;
  /** What the draft will make, while it can be made. */
  plan: UseQueryResult<JobPlan>;
  /** The answer of the server, if it refused the video. */
  failure: Error | null;
}

/** Upload a file. Throws `RequestFailed`. */
export function uploaded(file: Blob, name: string): Promise<Upload> {
  const form = new FormData();
  form.append("file", file, name);
  return answered(gateway.POST("/api/v1/inputs", { body: form as never, bodySerializer: () => form }));
}

/** Return an id that nobody else makes. `crypto.randomUUID` is missing where the page came over plain HTTP from another machine. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Upload the file of another job. `keep` takes the input with its upload, so that a submit that is sent again uses it. */
async function withUpload(input: DraftInput, keep: (done: DraftInput) => void): Promise<DraftInput> {
  if (input.upload !== undefined || input.link === undefined) return input;
  const done = { ...input, upload: await uploaded(await fetchedFile(input.link), input.name) };
  keep(done);
  return done;
}

/** Return an input of another job without an upload that the server no longer has, and others as they are. */
function withoutLostUpload({ upload, ...input }: DraftInput): DraftInput {
  return upload === undefined || input.link !== undefined ? input : { ...input, upload };
}

/** Return the request of a draft to plan; undefined while it has troubles, or a file that is not uploaded yet. */
function planRequestOf(draft: Draft, model: Model): GenerateRequest | undefined {
  const isWhole = Object.keys(troublesOf(draft, model)).length === 0 && draft.inputs.every(({ upload }) => upload !== undefined);
  return isWhole ? requestOf(draft, model) : undefined;
}

export function useFormState(first: Draft, models: readonly Model[], usual: Model): FormState {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const show = useNotices((state) => state.show);
  const [draft, setDraft] = useState(first);
  const [isTried, setTried] = useState(false);
  // The same request sent again, such as after a lost answer, is one job. A changed draft is another one.
  const [requestId, setRequestId] = useState(newId);
  const model = models.find((each) => each.name === draft.model) ?? usual;
  const settled = useSettled(draft, SETTLED_MS);
  const settledModel = models.find((each) => each.name === settled.model) ?? usual;
  const plan = usePlan(useMemo(() => planRequestOf(settled, settledModel), [settled, settledModel]));
  const sending = useMutation({
    mutationFn: async (): Promise<Sent> => {
      if (draft.start === "repeated") {
        const schedule = await answered(gateway.POST("/api/v1/schedules", { body: scheduleOf(draft, model) }));
        return { message: t("schedules.created", { name: schedule.name || schedule.schedule_id }), path: "/schedules" };
      }
      const inputs = await Promise.all(
        draft.inputs.map((input) => withUpload(input, (done) => replaceInputs((each) => (each === input ? done : each)))),
      );
      const { job_id, variants } = await answered(gateway.POST("/api/v1/generate", { body: requestOf({ ...draft, inputs }, model, requestId) }));
      const message =
        variants.length > 1
          ? t("generate.submittedVariants", { count: variants.length, job: shortId(job_id) })
          : t("generate.submitted", { job: shortId(job_id) });
      return { message, path: `/jobs/${job_id}` };
    },
    onSuccess: ({ message, path }) => {
      show("success", message);
      void navigate(path);
    },
    onError: (error) => {
      if (error instanceof RequestFailed && error.reason === "UPLOAD_UNKNOWN") replaceInputs(withoutLostUpload);
    },
  });

  /** Change inputs of the same request: it keeps its id. */
  function replaceInputs(replace: (input: DraftInput) => DraftInput): void {
    setDraft((before) => ({ ...before, inputs: before.inputs.map(replace) }));
  }

  const troubles = troublesOf(draft, model);
  const refusal = sending.error ?? (settled === draft ? plan.error : null);
  const violations = refusal instanceof RequestFailed ? refusal.violations : [];

  function textOf(trouble: Trouble): string {
    switch (trouble.kind) {
      case "tooLong":
        return t("generate.tooLong", { most: trouble.most });
      case "range":
        return t("generate.range", { least: trouble.least, most: trouble.most });
      case "whole":
        return t("generate.whole", { least: trouble.least });
      case "missingInput":
        return t("generate.missingInput", { role: t(`generate.role.${trouble.role}`) });
      default:
        return t(`generate.${trouble.kind}`);
    }
  }

  function errorOf(field: string): ReactNode {
    const trouble = troubles[field];
    if (trouble !== undefined && (isTried || (trouble.kind !== "required" && trouble.kind !== "missingInput"))) return textOf(trouble);
    const violation = violations.find((each) => each.field.replace(JOB_PREFIX, "") === (FIELD_NAMES[field] ?? field));
    return violation === undefined ? undefined : <ServerText>{violation.message}</ServerText>;
  }

  function changeBy(part: (before: Draft) => Partial<Draft>): void {
    setDraft((before) => ({ ...before, ...part(before) }));
    setRequestId(newId());
    sending.reset();
  }

  return {
    draft,
    model,
    troubles,
    errorOf,
    change: (part) => changeBy(() => part),
    changeInputs: (change) => changeBy(({ inputs }) => ({ inputs: change(inputs) })),
    submit: () => {
      setTried(true);
      if (Object.keys(troubles).length === 0 && !sending.isPending) sending.mutate();
    },
    isSending: sending.isPending,
    plan,
    failure: sending.error,
  };
}
