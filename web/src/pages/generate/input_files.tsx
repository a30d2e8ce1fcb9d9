/** The pictures and clips that a video starts from: chosen or dropped, and uploaded at once. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { InputRole, Model } from "../../api/types";
import { ErrorLine } from "../../components/error_line";
import type { DraftInput } from "./draft";
import { type FormState, uploaded } from "./form_state";

interface Props {
  model: Model;
  inputs: readonly DraftInput[];
  error: ReactNode;
  onChange: FormState["changeInputs"];
}

export function InputFiles({ model, inputs, error, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const [uploading, setUploading] = useState<string>();
  const [failure, setFailure] = useState<unknown>();

  async function upload(role: InputRole, file: File): Promise<void> {
    setUploading(file.name);
    setFailure(undefined);
    try {
      const input = { role, name: file.name, upload: await uploaded(file, file.name) };
      onChange((before) => [...before, input]);
    } catch (trouble) {
      setFailure(trouble);
    } finally {
      setUploading(undefined);
    }
  }

  return (
    <Stack component="fieldset" sx={{ gap: 1, border: 0, m: 0, p: 0 }}>
      <Typography component="legend" variant="h3" sx={{ p: 0 }}>
        {t("generate.inputs")}
      </Typography>
      <Box sx={{ display: "grid", gap: 1, gridTemplateColumns: "repeat(auto-fill, minmax(220px, 1fr))" }}>
        {model.inputs.map(({ role, required, most }) => {
          const own = inputs.filter((input) => input.role === role);
          return (
            <Box
              key={role}
              onDragOver={(event) => event.preventDefault()}
              onDrop={(event) => {
                event.preventDefault();
                const file = event.dataTransfer.files[0];
                if (file !== undefined && uploading === undefined && own.length < most) void upload(role, file);
              }}
              sx={{ border: 1, borderStyle: "dashed", borderColor: "divider", borderRadius: 1, p: 1.5 }}
            >
              <Typography variant="body2" sx={{ mb: 1 }}>
                {t(`generate.role.${role}`)}
                {required ? ` (${t("generate.needed")})` : ""}
              </Typography>
              {own.map((input) => (
                <Chip
                  key={input.upload?.upload_id ?? input.link}
                  size="small"
                  label={input.name}
                  sx={{ maxWidth: "100%", mb: 0.5 }}
                  aria-label={t("generate.remove", { name: input.name })}
                  onDelete={() => onChange((before) => before.filter((each) => each !== input))}
                />
              ))}
              {own.length < most ? (
                <Button component="label" size="small" disabled={uploading !== undefined}>
                  {t("generate.drop")}
                  <input
                    hidden
                    type="file"
                    accept="image/*,video/*"
                    onChange={(event) => {
                      const file = event.target.files?.[0];
                      if (file !== undefined) void upload(role, file);
                      event.target.value = "";
                    }}
                  />
                </Button>
              ) : null}
            </Box>
          );
        })}
      </Box>
      {uploading === undefined ? null : <Typography variant="body2">{t("generate.uploading", { name: uploading })}</Typography>}
      {(failure ?? error) === undefined ? null : <Alert severity="error">{failure === undefined ? error : <ErrorLine error={failure} />}</Alert>}
    </Stack>
  );
}
