/** What a person sees if a page fails, or if there is none at an address. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

export function NotFound(): ReactNode {
  const { t } = useTranslation();
  return (
    <Alert
      severity="info"
      action={
        <Button component={Link} to="/" color="inherit" size="small">
          {t("layout.backHome")}
        </Button>
      }
    >
      {t("layout.notFound")}
    </Alert>
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
