/** The log of a job, as it is written: the last 20 lines, or all with a search. */
import Box from "@mui/material/Box";
import FormControlLabel from "@mui/material/FormControlLabel";
import Stack from "@mui/material/Stack";
import Switch from "@mui/material/Switch";
import TextField from "@mui/material/TextField";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLog } from "../../api/queries";
import type { JobDetail } from "../../api/types";
import { Loaded } from "../../components/loaded";
import { useChannel } from "../../live/live_updates";
import { useFormats } from "../../text/use_format";

const LAST = 20;

export default function LogTab({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const [areAllShown, setAllShown] = useState(false);
  const [text, setText] = useState("");
  const end = useRef<HTMLDivElement>(null);
  useChannel(`logs:${job.job_id}`);
  const log = useLog(job.job_id);
  const found = (log.data ?? []).filter((line) => line.message.toLowerCase().includes(text.toLowerCase()));
  const shown = areAllShown ? found : found.slice(-LAST);
  const newest = shown.at(-1)?.sequence;
  useEffect(() => {
    // Newer browsers return a promise here, and an effect may return a function only.
    end.current?.scrollIntoView({ block: "nearest" });
  }, [newest]);
  return (
    <Box>
      <Stack direction="row" sx={{ gap: 2, mb: 1.5, flexWrap: "wrap" }}>
        <TextField size="small" type="search" label={t("job.searchLog")} value={text} onChange={(event) => setText(event.target.value)} />
        <FormControlLabel
          control={<Switch checked={areAllShown} onChange={(event) => setAllShown(event.target.checked)} />}
          label={t("job.allLines")}
        />
      </Stack>
      <Loaded query={log} lines={8} empty={t("empty.log")} isEmpty={(lines) => lines.length === 0}>
        {() => (
          <Box
            role="log"
            aria-live="off"
            aria-label={t("job.log")}
            tabIndex={0}
            sx={{ fontFamily: "monospace", fontSize: "0.85rem", maxHeight: 480, overflow: "auto", border: 1, borderColor: "divider", borderRadius: 1, p: 1.5, bgcolor: "background.paper" }}
          >
            {shown.map((line) => (
              <Box key={line.sequence} sx={{ display: "flex", gap: 1.5, color: line.level === "error" ? "error.main" : line.level === "warning" ? "warning.main" : "text.primary" }}>
                <Box component="span" sx={{ color: "text.secondary", flexShrink: 0 }}>
                  {formats.clockTime(line.at)}
                </Box>
                <Box component="span" sx={{ overflowWrap: "anywhere" }}>
                  {line.message}
                </Box>
              </Box>
            ))}
            <div ref={end} />
          </Box>
        )}
      </Loaded>
    </Box>
  );
}
