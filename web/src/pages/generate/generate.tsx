/** A new video, or a job made again with changes. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { MODELS_READING, type Reading, useJob, useModels, useStoryboard } from "../../api/queries";
import type { Model, Models } from "../../api/types";
import { Loaded } from "../../components/loaded";
import { PageHeading } from "../../components/page_heading";
import { shortId } from "../../text/format";
import { EMPTY_DRAFT, draftOf } from "./draft";
import { Form } from "./form";
import { STARTS } from "./start_time";

interface Props {
  catalogue: Models;
  usual: Model;
}

function FormOfJob({ jobId, catalogue, usual }: Props & { jobId: string }): ReactNode {
  const { t } = useTranslation();
  const job = useJob(jobId);
  const storyboard = useStoryboard(jobId);
  return (
    <Loaded query={job} lines={8}>
      {(data) => (
        <Loaded query={storyboard} lines={8}>
          {({ scenes }) => (
            <Form
              catalogue={catalogue}
              usual={usual}
              draft={draftOf(data, catalogue.models.find(({ name }) => name === data.model), scenes)}
              note={t("generate.again", { job: shortId(jobId) })}
              isOpenedWide
            />
          )}
        </Loaded>
      )}
    </Loaded>
  );
}

export function readings(): readonly Reading[] {
  return [MODELS_READING];
}

export default function Generate(): ReactNode {
  const { t } = useTranslation();
  const params = useSearchParams()[0];
  const from = params.get("from");
  const start = STARTS.find((each) => each === params.get("start")) ?? "now";
  return (
    <Box>
      <PageHeading title={t("pages.generate")} />
      <Loaded query={useModels()} lines={8}>
        {(catalogue) => {
          const usual = catalogue.models.find((model) => model.is_default) ?? catalogue.models[0];
          if (usual === undefined) return <Alert severity="warning">{t("generate.noModel")}</Alert>;
          if (from !== null) return <FormOfJob key={from} jobId={from} catalogue={catalogue} usual={usual} />;
          return <Form catalogue={catalogue} usual={usual} draft={{ ...EMPTY_DRAFT, model: usual.name, start }} />;
        }}
      </Loaded>
    </Box>
  );
}
