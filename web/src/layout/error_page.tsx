/** What a person sees if a page fails, or if there is none at an address. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "react-router";
import { useTitle } from "../components/use_title";

export function NotFound(): ReactNode {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  useTitle(t("layout.notFound"));
  return (
    <Stack sx={{ alignItems: "center", textAlign: "center", gap: 2, py: 8 }}>
      <Typography variant="h1">{t("layout.notFound")}</Typography>
      <Typography color="textSecondary" sx={{ overflowWrap: "anywhere", maxWidth: "100%" }}>
        {pathname}
      </Typography>
      <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap", justifyContent: "center" }}>
        <Button component={Link} to="/" variant="contained">
          {t("layout.backHome")}
        </Button>
        <Button component={Link} to="/jobs">
          {t("dashboard.allJobs")}
        </Button>
      </Stack>
    </Stack>
  );
}

/** Also met after an update of the server: the parts of the page that was open are gone, and loading it again brings the new ones. */
export function PageBroken(): ReactNode {
  const { t } = useTranslation();
  return (
    <Alert
      severity="error"
      action={
        <Button color="inherit" size="small" onClick={() => location.reload()}>
          {t("layout.reload")}
        </Button>
      }
    >
      {t("layout.broken")}
    </Alert>
  );
}
