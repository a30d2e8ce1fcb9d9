/** Jobs by status as cards. Each leads to these jobs. */
import Card from "@mui/material/Card";
import CardActionArea from "@mui/material/CardActionArea";
import Grid from "@mui/material/Grid";
import Typography from "@mui/material/Typography";
import { type ReactNode, memo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useCounts } from "../../api/queries";
import { STATUSES } from "../../api/types";
import { useLiveCounts, useLiveState } from "../../live/live_store";
import { useFormats } from "../../text/use_format";
import { STATUS_COLOURS, STATUS_SYMBOLS, type StatusColour } from "../../theme/statuses";

const PLACE = { xs: 4, md: 2 };

interface CardProps {
  name: string;
  mark?: string;
  colour?: StatusColour | "textPrimary";
  number: number | undefined;
  link: string;
}

const CountCard = memo(function CountCard({ name, mark = "", colour = "textPrimary", number, link }: CardProps): ReactNode {
  const formats = useFormats();
  return (
    <Card variant="outlined">
      <CardActionArea component={Link} to={link} sx={{ p: { xs: 1, sm: 1.5 } }}>
        <Typography variant="body2" color={colour} noWrap sx={{ fontSize: { xs: "0.74rem", sm: "0.875rem" } }}>
          {mark === "" ? null : <span aria-hidden>{mark} </span>}
          {name}
        </Typography>
        <Typography sx={{ fontSize: "1.6rem", fontWeight: 600, fontVariantNumeric: "tabular-nums" }}>
          {number === undefined ? "–" : formats.count(number)}
        </Typography>
      </CardActionArea>
    </Card>
  );
});

export function CountCards(): ReactNode {
  const { t } = useTranslation();
  const live = useLiveCounts();
  const isLive = useLiveState() === "live";
  const read = useCounts({ date_range: "all_time" });
  const counts = (isLive ? live : undefined) ?? read.data;
  return (
    <Grid container spacing={{ xs: 1, sm: 2 }}>
      <Grid size={PLACE}>
        <CountCard name={t("dashboard.total")} number={counts?.total} link="/jobs" />
      </Grid>
      {STATUSES.map((status) => (
        <Grid key={status} size={PLACE}>
          <CountCard
            name={t(`status.${status}`)}
            mark={STATUS_SYMBOLS[status]}
            colour={STATUS_COLOURS[status]}
            number={counts?.[status]}
            link={`/jobs?status=${status}`}
          />
        </Grid>
      ))}
    </Grid>
  );
}
