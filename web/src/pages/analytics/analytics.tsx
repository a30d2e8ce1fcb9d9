/** Numbers over a range of time: success, times by stage, the queue, jobs by priority and model. */
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Grid from "@mui/material/Grid";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import ToggleButton from "@mui/material/ToggleButton";
import ToggleButtonGroup from "@mui/material/ToggleButtonGroup";
import Typography from "@mui/material/Typography";
import { type UseQueryResult, useQueries } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import {
  type RangeQuery,
  countsReading,
  useModels,
  useOverview,
  useQueueDepth,
  useStageTimes,
  useSuccessRates,
  useTrends,
} from "../../api/queries";
import { AreaChart } from "../../charts/area_chart";
import { BarChart } from "../../charts/bar_chart";
import { ColumnChart } from "../../charts/column_chart";
import { Loaded } from "../../components/loaded";
import { PageHeading } from "../../components/page_heading";
import { Panel } from "../../components/panel";
import { CHART_COLOURS } from "../../components/status_colours";
import { localeOf, useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";
import { HOUR, RANGES, RANGE_NAMES, type Range, paramsOf, queryOf, rangeOf } from "./analytics_range";
import { csv, save } from "./csv";

const HEIGHT = 260;
/** A line of the legend. */
const LEGEND = 24;
const PANEL_HEIGHT = HEIGHT + 100;

/** The number of jobs of each model that has some in the range. */
interface ModelCounts {
  /** What is not read yet; any of what was read if all is. */
  reading: UseQueryResult;
  counts: { model: string; total: number }[];
}

function useModelCounts(query: RangeQuery): ModelCounts {
  const models = useModels();
  const names = (models.data?.models ?? []).map(({ name }) => name);
  const readings = useQueries({ queries: names.map((name) => countsReading({ ...query, model: [name] })) });
  return {
    reading: readings.find(({ data }) => data === undefined) ?? models,
    counts: names.map((model, index) => ({ model, total: readings[index]?.data?.total ?? 0 })).filter(({ total }) => total > 0),
  };
}

export default function Analytics(): ReactNode {
  const { t, i18n } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const [params, setParams] = useSearchParams();
  const range = rangeOf(params);
  const [chosenAt, setChosenAt] = useState(() => Date.now());
  const query = queryOf(range, chosenAt);
  const buckets = { ...query, bucket_seconds: RANGES[range] };
  const overview = useOverview(query);
  const trends = useTrends(buckets);
  const depth = useQueueDepth(buckets);
  const stages = useStageTimes(query);
  const rates = useSuccessRates(query);
  const models = useModelCounts(query);
  const style: Intl.DateTimeFormatOptions =
    RANGES[range] < HOUR * 6 ? { timeStyle: "short" } : { day: "numeric", month: "short", ...(RANGES[range] < 24 * HOUR ? { hour: "2-digit", minute: "2-digit" } : {}) };
  const moments = new Intl.DateTimeFormat(localeOf(i18n.language), style);
  const times = (points: readonly { at: string | null }[]): string[] => points.map((point) => moments.format(new Date(point.at ?? 0)));

  const facts: [string, string][] = [
    [t("analytics.submitted"), overview.data === undefined ? "–" : formats.count(overview.data.submitted)],
    [t("analytics.success"), formats.share(overview.data?.success_rate)],
    [t("analytics.mean"), formats.length(overview.data?.mean_seconds)],
    [t("analytics.p95"), formats.length(overview.data?.p95_seconds)],
    [t("analytics.waiting"), formats.length(overview.data?.mean_wait_seconds)],
    [t("analytics.videos"), formats.length(overview.data?.video_seconds)],
    [t("analytics.device"), formats.length(overview.data?.gpu_seconds)],
  ];

  function exportAll(): void {
    const rows: (string | number | null)[][] = [["at", "submitted", "completed", "failed", "cancelled", "queued", "processing"]];
    const queue = new Map((depth.data ?? []).map((point) => [point.at, point]));
    for (const point of trends.data ?? []) {
      const waiting = queue.get(point.at);
      rows.push([point.at, point.submitted, point.completed, point.failed, point.cancelled, waiting?.queued ?? null, waiting?.processing ?? null]);
    }
    rows.push([], ["stage", "count", "mean_seconds", "p50_seconds", "p95_seconds"]);
    for (const stage of stages.data ?? []) rows.push([stage.stage, stage.count, stage.mean_seconds, stage.p50_seconds, stage.p95_seconds]);
    rows.push([], ["priority", "completed", "failed", "cancelled", "success_rate"]);
    for (const rate of rates.data ?? []) rows.push([rate.priority, rate.completed, rate.failed, rate.cancelled, rate.rate]);
    rows.push([], ["model", "jobs"]);
    for (const { model, total } of models.counts) rows.push([model, total]);
    save(`kinolog-${range}.csv`, csv(rows));
  }

  return (
    <Box>
      <PageHeading title={t("pages.analytics")}>
        <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap" }}>
          <ToggleButtonGroup
            exclusive
            size="small"
            value={range}
            aria-label={t("fields.range")}
            onChange={(_, chosen: Range | null) => {
              if (chosen === null) return;
              setParams(paramsOf(chosen), { replace: true });
              setChosenAt(Date.now());
            }}
          >
            {RANGE_NAMES.map((each) => (
              <ToggleButton key={each} value={each}>
                {t(`range.${each}`)}
              </ToggleButton>
            ))}
          </ToggleButtonGroup>
          <Button onClick={exportAll}>{t("analytics.export")}</Button>
        </Stack>
      </PageHeading>
      <Paper variant="outlined" sx={{ p: 2, mb: 2 }}>
        <Box component="dl" sx={{ m: 0, display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fit, minmax(130px, 1fr))" }}>
          {facts.map(([name, value]) => (
            <Box key={name}>
              <Typography component="dt" variant="body2" color="textSecondary">
                {name}
              </Typography>
              <Typography component="dd" sx={{ m: 0, fontSize: "1.35rem", fontWeight: 600 }}>
                {value}
              </Typography>
            </Box>
          ))}
        </Box>
      </Paper>
      <Grid container spacing={2}>
        <Grid size={{ xs: 12, lg: 6 }}>
          <Panel title={t("analytics.trend")} height={PANEL_HEIGHT}>
            <Loaded
              query={trends}
              height={HEIGHT + LEGEND}
              empty={t("empty.data")}
              isEmpty={(points) => points.every(({ completed, failed, cancelled }) => completed + failed + cancelled === 0)}
            >
              {(points) => (
                <ColumnChart
                  name={t("analytics.trend")}
                  height={HEIGHT}
                  isWhole
                  text={formats.shortCount}
                  columns={times(points)}
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
        <Grid size={{ xs: 12, lg: 6 }}>
          <Panel title={t("analytics.depth")} height={PANEL_HEIGHT}>
            <Loaded query={depth} height={HEIGHT + LEGEND} empty={t("empty.data")} isEmpty={(points) => points.length === 0}>
              {(points) => (
                <AreaChart
                  name={t("analytics.depth")}
                  height={HEIGHT}
                  text={formats.shortCount}
                  columns={times(points)}
                  series={(["queued", "processing"] as const).map((status) => ({
                    name: t(`status.${status}`),
                    colour: CHART_COLOURS[status],
                    values: points.map((point) => point[status]),
                  }))}
                />
              )}
            </Loaded>
          </Panel>
        </Grid>
        <Grid size={{ xs: 12, lg: 6 }}>
          <Panel title={t("analytics.stages")} height={PANEL_HEIGHT}>
            <Loaded query={stages} height={HEIGHT + LEGEND} empty={t("empty.data")} isEmpty={(list) => list.length === 0}>
              {(list) => (
                <BarChart
                  name={t("analytics.stages")}
                  height={HEIGHT}
                  text={formats.length}
                  columns={list.map((each) => names.stage(each.stage))}
                  series={[
                    { name: t("analytics.mean"), values: list.map((each) => each.mean_seconds), colour: "var(--mui-palette-primary-main)" },
                    { name: t("analytics.median"), values: list.map((each) => each.p50_seconds), colour: "var(--mui-palette-success-main)" },
                    { name: t("analytics.p95"), values: list.map((each) => each.p95_seconds), colour: "var(--mui-palette-warning-main)" },
                  ]}
                />
              )}
            </Loaded>
          </Panel>
        </Grid>
        <Grid size={{ xs: 12, sm: 6, lg: 3 }}>
          <Panel title={t("analytics.byPriority")} height={PANEL_HEIGHT}>
            <Loaded query={rates} height={HEIGHT + LEGEND} empty={t("empty.data")} isEmpty={(list) => list.every((each) => each.rate === null)}>
              {(list) => (
                <BarChart
                  name={t("analytics.byPriority")}
                  height={HEIGHT}
                  greatest={1}
                  hasLegend={false}
                  text={formats.share}
                  columns={list.map((each) => t(`priority.${each.priority}`))}
                  series={[{ name: t("analytics.rate"), colour: CHART_COLOURS.completed, values: list.map((each) => each.rate) }]}
                />
              )}
            </Loaded>
          </Panel>
        </Grid>
        <Grid size={{ xs: 12, sm: 6, lg: 3 }}>
          <Panel title={t("analytics.byModel")} height={PANEL_HEIGHT}>
            <Loaded query={models.reading} height={HEIGHT + LEGEND} empty={t("empty.data")} isEmpty={() => models.counts.length === 0}>
              {() => (
                <BarChart
                  name={t("analytics.byModel")}
                  height={HEIGHT}
                  isWhole
                  hasLegend={false}
                  text={formats.shortCount}
                  columns={models.counts.map(({ model }) => model)}
                  series={[{ name: t("analytics.jobs"), colour: CHART_COLOURS.processing, values: models.counts.map(({ total }) => total) }]}
                />
              )}
            </Loaded>
          </Panel>
        </Grid>
      </Grid>
    </Box>
  );
}
