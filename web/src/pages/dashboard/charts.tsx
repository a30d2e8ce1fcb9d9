/** Jobs by status as a pie, and the jobs of each of the last seven days. */
import Grid from "@mui/material/Grid";
import { BarChart } from "@mui/x-charts/BarChart";
import { PieChart } from "@mui/x-charts/PieChart";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useCounts, useTrends } from "../../api/queries";
import { STATUSES } from "../../api/types";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { localeOf } from "../../text/use_format";
import { CHART_COLOURS } from "../../components/status_colours";

const HEIGHT = 240;
const DAY_SECONDS = 86_400;

export default function Charts(): ReactNode {
  const { t, i18n } = useTranslation();
  const counts = useCounts({ date_range: "last_7_days" });
  const trends = useTrends({ date_range: "last_7_days", bucket_seconds: DAY_SECONDS });
  const day = (at: string | null): string =>
    at === null ? "" : new Intl.DateTimeFormat(localeOf(i18n.language), { weekday: "short", day: "numeric" }).format(new Date(at));
  return (
    <Grid container spacing={2}>
      <Grid size={{ xs: 12, md: 5 }}>
        <Panel title={`${t("dashboard.byStatus")} · ${t("range.last_7_days")}`}>
          <Loaded query={counts} lines={6} empty={t("empty.data")} isEmpty={(data) => data.total === 0}>
            {(data) => (
              <PieChart
                height={HEIGHT}
                series={[
                  {
                    innerRadius: 52,
                    paddingAngle: 1,
                    data: STATUSES.filter((status) => data[status] > 0).map((status) => ({
                      id: status,
                      value: data[status],
                      label: t(`status.${status}`),
                      color: CHART_COLOURS[status],
                    })),
                  },
                ]}
              />
            )}
          </Loaded>
        </Panel>
      </Grid>
      <Grid size={{ xs: 12, md: 7 }}>
        <Panel title={t("dashboard.recent")}>
          <Loaded
            query={trends}
            lines={6}
            empty={t("empty.data")}
            isEmpty={(points) => points.every((point) => point.submitted + point.completed + point.failed + point.cancelled === 0)}
          >
            {(points) => (
              <BarChart
                height={HEIGHT}
                xAxis={[{ scaleType: "band", data: points.map((point) => day(point.at)) }]}
                yAxis={[{ tickMinStep: 1, width: 44 }]}
                series={(["completed", "failed", "cancelled"] as const).map((status) => ({
                  data: points.map((point) => point[status]),
                  label: t(`status.${status}`),
                  color: CHART_COLOURS[status],
                  stack: "ended",
                }))}
              />
            )}
          </Loaded>
        </Panel>
      </Grid>
    </Grid>
  );
}
