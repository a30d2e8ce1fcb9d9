/** Jobs by status as cards. Each leads to these jobs. */
import Card from "@mui/material/Card";
import CardActionArea from "@mui/material/CardActionArea";
import Grid from "@mui/material/Grid";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useCounts } from "../../api/queries";
import { STATUSES } from "../../api/types";
import { useLiveCounts, useLiveState } from "../../live/live_store";
import { useFormats } from "../../text/use_format";
import { STATUS_COLOURS, STATUS_SYMBOLS } from "../../theme/theme";

export function CountCards(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const live = useLiveCounts();
  const isLive = useLiveState() === "live";
  const read = useCounts({ date_range: "all_time" });
  const counts = (isLive ? live : undefined) ?? read.data;
  const cards = [
    { name: t("dashboard.total"), mark: "", colour: "textPrimary" as const, number: counts?.total, link: "/jobs" },
    ...STATUSES.map((status) => ({
      name: t(`status.${status}`),
      mark: STATUS_SYMBOLS[status],
      colour: STATUS_COLOURS[status],
      number: counts?.[status],
      link: `/jobs?status=${status}`,
    })),
  ];
  return (
    <Grid container spacing={{ xs: 1, sm: 2 }}>
      {cards.map((card) => (
        <Grid key={card.link} size={{ xs: 4, md: 2 }}>
          <Card variant="outlined">
            <CardActionArea component={Link} to={card.link} sx={{ p: { xs: 1, sm: 1.5 } }}>
              <Typography variant="body2" color={card.colour} noWrap sx={{ fontSize: { xs: "0.8rem", sm: "0.875rem" } }}>
                {card.mark === "" ? null : <span aria-hidden>{card.mark} </span>}
                {card.name}
              </Typography>
              <Typography sx={{ fontSize: "1.6rem", fontWeight: 600, fontVariantNumeric: "tabular-nums" }}>
                {card.number === undefined ? "–" : formats.count(card.number)}
              </Typography>
            </CardActionArea>
          </Card>
        </Grid>
      ))}
    </Grid>
  );
}
