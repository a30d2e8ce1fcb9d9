/** A field with a choice of one of several values. */
import MenuItem from "@mui/material/MenuItem";
import TextField, { type TextFieldProps } from "@mui/material/TextField";
import type { ReactNode } from "react";

/** Each value with its name. */
export type NamedValues<T extends string | number> = readonly (readonly [value: T, name: string])[];

interface Props<T extends string | number> extends Pick<TextFieldProps, "label" | "fullWidth" | "error" | "helperText" | "slotProps" | "sx"> {
  value: T;
  choices: NamedValues<T>;
  onChoose: (value: T) => void;
}

export function Choice<T extends string | number>({ choices, onChoose, ...field }: Props<T>): ReactNode {
  return (
    <TextField select size="small" {...field} onChange={(event) => onChoose(event.target.value as T)}>
      {choices.map(([value, name]) => (
        <MenuItem key={value} value={value}>
          {name}
        </MenuItem>
      ))}
    </TextField>
  );
}
