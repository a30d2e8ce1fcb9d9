/** The schedules: what each submits and when, with its last run. */
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Paper from "@mui/material/Paper";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Reading } from "../../api/queries";
import { SCHEDULES_READING, useSchedules } from "../../api/schedules";
import { Loaded } from "../../components/loaded";
import { PageHeading } from "../../components/page_heading";
import { ScheduleCard } from "./schedule_card";

const NEW = "/generate?start=repeated";

export function readings(): readonly Reading[] {
  return [SCHEDULES_READING];
}

export default function Schedules(): ReactNode {
  const { t } = useTranslation();
  const schedules = useSchedules();
  return (
    <Box>
      <PageHeading title={t("pages.schedules")}>
        <Button component={Link} to={NEW} variant="contained">
          {t("schedules.new")}
        </Button>
      </PageHeading>
      <Loaded query={schedules} lines={6}>
        {(list) =>
          list.length === 0 ? (
            <Paper variant="outlined" sx={{ p: 4, display: "grid", justifyItems: "center", gap: 1.5, textAlign: "center" }}>
              <Typography variant="h2">{t("schedules.none")}</Typography>
              <Typography color="textSecondary">{t("schedules.noneHint")}</Typography>
            </Paper>
          ) : (
            <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none", display: "grid", gap: 2 }}>
              {list.map((schedule) => (
                <li key={schedule.schedule_id}>
                  <ScheduleCard schedule={schedule} />
                </li>
              ))}
            </Box>
          )
        }
      </Loaded>
    </Box>
  );
}
