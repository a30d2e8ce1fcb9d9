/** Renders a completed job again from its record, to compare the two videos. It is asked first. */
import Button from "@mui/material/Button";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { answered, gateway } from "../../api/gateway";
import { useNotices } from "../../session/notices";
import { shortId } from "../../text/format";
import { useErrorText } from "../../text/use_error_text";

/** Loaded when something is asked. */
const Confirm = lazy(async () => ({ default: (await import("../../components/confirm")).Confirm }));

export function ReproduceButton({ jobId }: { jobId: string }): ReactNode {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const errorText = useErrorText();
  const show = useNotices((state) => state.show);
  const [isAsked, setAsked] = useState(false);
  const sending = useMutation({
    mutationFn: () => answered(gateway.POST("/api/v1/reproduce/{job_id}", { params: { path: { job_id: jobId } } })),
    onSuccess: (answer) => {
      show("success", t("generate.submitted", { job: shortId(answer.job_id) }));
      void navigate(`/jobs/${answer.job_id}`);
    },
    onError: (error) => {
      const { text, detail } = errorText(error);
      show("error", text, { detail });
    },
  });
  return (
    <>
      <Button size="small" variant="outlined" loading={sending.isPending} onClick={() => setAsked(true)}>
        {t("actions.reproduce")}
      </Button>
      {isAsked ? (
        <Suspense>
          <Confirm
            isOpen
            question={t("confirm.reproduce")}
            onNo={() => setAsked(false)}
            onYes={() => {
              setAsked(false);
              sending.mutate();
            }}
          />
        </Suspense>
      ) : null}
    </>
  );
}
