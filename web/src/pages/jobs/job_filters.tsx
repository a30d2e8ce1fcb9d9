/** The filters of the list. */
import { Choice } from "../../components/choice";
import { FilterListIcon } from "../../components/icons";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import Collapse from "@mui/material/Collapse";
import Grid from "@mui/material/Grid";
import MenuItem from "@mui/material/MenuItem";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import { type ReactNode, useEffect, useEffectEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useModels } from "../../api/queries";
import { PRIORITIES } from "../../api/types";
import { shortId } from "../../text/format";
import { type JobsSearch, RANGES, hasFilters, searchOf } from "./jobs_search";

/** The list is read once a person has stopped typing for so long. */
const TYPING_MS = 250;

interface Props {
  search: JobsSearch;
  /** Whether the search field has the focus from the start. */
  isFocused: boolean;
  onChange: (part: Partial<JobsSearch>) => void;
}

export function JobFilters({ search, isFocused, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const models = useModels().data?.models ?? [];
  const [text, setText] = useState(search.text);
  const { priorities, models: chosenModels, styles, from, to } = search;
  const [isOpen, setOpen] = useState([priorities, chosenModels, styles, from, to].some((each) => each.length > 0));
  const allStyles = [...new Set(models.flatMap((model) => model.styles))].sort();

  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // While one types the field is ahead of the address. Else it follows: all filters were cleared, or the browser went back.
    if (document.activeElement !== field.current) setText(search.text);
  }, [search.text]);
  useEffect(() => {
    if (isFocused) field.current?.focus();
  }, [isFocused]);
  const apply = useEffectEvent(() => {
    if (text !== search.text) onChange({ text });
  });
  useEffect(() => {
    const timer = setTimeout(apply, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);

  function choice<T extends string>(label: string, values: readonly T[], chosen: readonly T[], put: (chosen: T[]) => void, name: (value: T) => string): ReactNode {
    return (
      <Grid size={{ xs: 12, sm: 6, md: 2.4 }}>
        <TextField
          select
          fullWidth
          size="small"
          label={label}
          value={[...chosen]}
          slotProps={{ select: { multiple: true } }}
          onChange={(event) => put(event.target.value as unknown as T[])}
        >
          {values.map((value) => (
            <MenuItem key={value} value={value}>
              {name(value)}
            </MenuItem>
          ))}
        </TextField>
      </Grid>
    );
  }

  return (
    <>
      <Stack direction="row" sx={{ gap: 1.5, flexWrap: "wrap" }}>
        <TextField
          size="small"
          type="search"
          label={t("fields.text")}
          value={text}
          inputRef={field}
          sx={{ flexGrow: 1, minWidth: 220 }}
          onChange={(event) => setText(event.target.value)}
        />
        <Choice
          label={t("fields.range")}
          value={search.range}
          sx={{ minWidth: 150 }}
          choices={RANGES.map((range) => [range, t(`range.${range}`)])}
          onChoose={(range) => onChange({ range, from: "", to: "" })}
        />
        <Button startIcon={<FilterListIcon />} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {t("jobs.filters")}
        </Button>
        {search.variantOf === "" ? null : (
          <Chip
            label={t("jobs.variantsOf", { job: shortId(search.variantOf) })}
            onDelete={() => onChange({ variantOf: "" })}
            sx={{ alignSelf: "center" }}
          />
        )}
        {hasFilters(search) ? (
          <Button
            onClick={() => {
              setText("");
              onChange(searchOf(new URLSearchParams()));
            }}
          >
            {t("actions.clearFilters")}
          </Button>
        ) : null}
      </Stack>
      <Collapse in={isOpen} unmountOnExit>
        <Grid container spacing={1.5} sx={{ mt: 1.5 }}>
          {choice(t("fields.priority"), PRIORITIES, priorities, (chosen) => onChange({ priorities: chosen }), (value) =>
            t(`priority.${value}`),
          )}
          {choice(t("fields.model"), models.map((model) => model.name), chosenModels, (chosen) => onChange({ models: chosen }), String)}
          {choice(t("fields.style"), allStyles, styles, (chosen) => onChange({ styles: chosen }), String)}
          {(["from", "to"] as const).map((name) => (
            <Grid key={name} size={{ xs: 12, sm: 6, md: 2.4 }}>
              <TextField
                fullWidth
                size="small"
                type="datetime-local"
                label={t(`fields.${name}`)}
                value={search[name]}
                slotProps={{ inputLabel: { shrink: true } }}
                onChange={(event) => onChange({ [name]: event.target.value })}
              />
            </Grid>
          ))}
        </Grid>
      </Collapse>
    </>
  );
}
