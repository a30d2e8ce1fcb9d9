/** The command palette: a page by its name, or a job by its id. */
import Box from "@mui/material/Box";
import Dialog from "@mui/material/Dialog";
import List from "@mui/material/List";
import ListItemButton from "@mui/material/ListItemButton";
import ListItemText from "@mui/material/ListItemText";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { JOB_ID, shortId } from "../text/format";
import { PAGES } from "./pages";

interface Props {
  onClose: () => void;
}

export default function Palette({ onClose }: Props): ReactNode {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const found = JOB_ID.test(wanted)
    ? [{ path: `/jobs/${wanted}`, label: t("layout.openJob", { job: shortId(wanted) }) }]
    : PAGES.map((page) => ({ path: page.path, label: t(`pages.${page.name}`) })).filter(({ label }) =>
        label.toLowerCase().includes(wanted),
      );

  function open(path: string | undefined): void {
    if (path === undefined) return;
    onClose();
    void navigate(path);
  }

  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-label={t("layout.palette")}>
      <Box
        component="form"
        sx={{ p: 2 }}
        onSubmit={(event) => {
          event.preventDefault();
          open(found[0]?.path);
        }}
      >
        <TextField
          // eslint-disable-next-line jsx-a11y/no-autofocus -- the dialog was opened to type
          autoFocus
          fullWidth
          size="small"
          label={t("layout.paletteHint")}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <List dense>
          {found.map(({ path, label }) => (
            <li key={path}>
              <ListItemButton onClick={() => open(path)}>
                <ListItemText primary={label} />
              </ListItemButton>
            </li>
          ))}
        </List>
        {found.length === 0 ? <Typography color="textSecondary">{t("layout.paletteEmpty")}</Typography> : null}
        <Typography variant="body2" color="textSecondary">
          {t("layout.shortcuts")}
        </Typography>
      </Box>
    </Dialog>
  );
}
