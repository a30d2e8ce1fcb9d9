/** A field of the draft as a text, and as a choice. */
import TextField from "@mui/material/TextField";
import type { ReactNode } from "react";
import { Choice, type NamedValues } from "../../components/choice";
import type { Draft } from "./draft";
import type { FormState } from "./form_state";

type TextName = {
  [Name in keyof Draft]: Draft[Name] extends string ? Name : never;
}[keyof Draft];

const NUMBERS: readonly TextName[] = ["duration", "steps", "guidance", "seed", "fps", "crf", "startTimeout"];

interface TextProps {
  form: FormState;
  name: TextName;
  label: string;
  hint?: string | undefined;
  isDisabled?: boolean;
}

export function DraftText({ form, name, label, hint, isDisabled = false }: TextProps): ReactNode {
  const error = form.errorOf(name);
  return (
    <TextField
      fullWidth
      size="small"
      label={label}
      value={form.draft[name]}
      disabled={isDisabled}
      error={error !== undefined}
      helperText={error ?? hint}
      slotProps={{ htmlInput: NUMBERS.includes(name) ? { inputMode: "decimal" } : {} }}
      onChange={(event) => form.change({ [name]: event.target.value })}
    />
  );
}

interface ChoiceProps extends TextProps {
  choices: NamedValues<string>;
  /** What is shown for an empty field. */
  usual?: string;
}

export function DraftChoice({ form, name, label, hint, choices, usual = "" }: ChoiceProps): ReactNode {
  const error = form.errorOf(name);
  return (
    <Choice
      fullWidth
      label={label}
      value={form.draft[name] || usual}
      error={error !== undefined}
      helperText={error ?? hint}
      slotProps={{ inputLabel: { shrink: true }, select: { displayEmpty: true } }}
      choices={choices}
      onChoose={(value) => form.change({ [name]: value })}
    />
  );
}
