/** What happened last, newest first. */
import Box from "@mui/material/Box";
import MuiLink from "@mui/material/Link";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useActivity } from "../../api/queries";
import { Ago } from "../../components/ago";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { shortId } from "../../text/format";
import { useNames } from "../../text/use_names";

export function Activity(): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
  return (
    <Panel title={t("dashboard.activity")}>
      <Loaded query={useActivity()} lines={4} empty={t("empty.activity")} isEmpty={(entries) => entries.length === 0}>
        {(entries) => (
          <Box
            component="ul"
            sx={{ m: 0, p: 0, listStyle: "none", maxHeight: 320, overflow: "auto" }}
            tabIndex={0}
            aria-label={t("dashboard.activity")}
          >
            {entries.map((entry) => (
              <Box
                component="li"
                key={`${entry.position}-${entry.index}`}
                sx={{ display: "grid", gridTemplateColumns: "9ch 1fr auto", gap: { xs: 1, sm: 1.5 }, py: 0.4 }}
              >
                <MuiLink component={Link} to={`/jobs/${entry.job_id}`}>
                  {shortId(entry.job_id)}
                </MuiLink>
                <Typography>{names.event(entry.event)}</Typography>
                <Typography variant="body2" color="textSecondary" noWrap>
                  <Ago time={entry.at} />
                </Typography>
              </Box>
            ))}
          </Box>
        )}
      </Loaded>
    </Panel>
  );
}
