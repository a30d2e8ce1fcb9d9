/** Jobs by status as a pie, and the jobs of each of the last seven days. */
import Grid from "@mui/material/Grid";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useCounts, useTrends } from "../../api/queries";
import { STATUSES } from "../../api/types";
import { ColumnChart } from "../../charts/column_chart";
import { PieChart } from "../../charts/pie_chart";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { localeOf, useFormats } from "../../text/use_format";
import { CHART_COLOURS } from "../../components/status_colours";

const HEIGHT = 240;
/** A line of the legend. */
const LEGEND = 24;
const PANEL_HEIGHT = HEIGHT + 100;
const DAY_SECONDS = 86_400;

export default function Charts(): ReactNode {
  const { t, i18n } = useTranslation();
  const formats = useFormats();
  const byStatus = `${t("dashboard.byStatus")} · ${t("range.last_7_days")}`;
  const counts = useCounts({ date_range: "last_7_days" });
  const trends = useTrends({ date_range: "last_7_days", bucket_seconds: DAY_SECONDS });
  const day = (at: string | null): string =>
    at === null ? "" : new Intl.DateTimeFormat(localeOf(i18n.language), { weekday: "short", day: "numeric" }).format(new Date(at));
  return (
    <Grid container spacing={2}>
      <Grid size={{ xs: 12, md: 5 }}>
        <Panel title={byStatus} height={PANEL_HEIGHT}>
          <Loaded query={counts} height={HEIGHT + LEGEND} empty={t("empty.data")} isEmpty={(data) => data.total === 0}>
            {(data) => (
              <PieChart
                name={byStatus}
                height={HEIGHT}
                text={formats.shortCount}
                series={STATUSES.filter((status) => data[status] > 0).map((status) => ({
                  name: t(`status.${status}`),
                  colour: CHART_COLOURS[status],
                  values: [data[status]],
                }))}
              />
            )}
          </Loaded>
        </Panel>
      </Grid>
      <Grid size={{ xs: 12, md: 7 }}>
        <Panel title={t("dashboard.recent")} height={PANEL_HEIGHT}>
          <Loaded
            query={trends}
            height={HEIGHT + LEGEND}
            empty={t("empty.data")}
            isEmpty={(points) => points.every((point) => point.submitted + point.completed + point.failed + point.cancelled === 0)}
          >
            {(points) => (
              <ColumnChart
                name={t("dashboard.recent")}
                height={HEIGHT}
                isWhole
                text={formats.shortCount}
                columns={points.map((point) => day(point.at))}
                series={(["completed", "failed", "cancelled"] as const).map((status) => ({
                  name: t(`status.${status}`),
                  colour: CHART_COLOURS[status],
                  values: points.map((point) => point[status]),
                }))}
              />
            )}
          </Loaded>
        </Panel>
      </Grid>
    </Grid>
  );
}
