/** What leads through the pages of the list, and says how many jobs it has. */
import IconButton from "@mui/material/IconButton";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { JobList } from "../../api/types";
import { Choice } from "../../components/choice";
import { FirstPageIcon, LastPageIcon, NextPageIcon, PreviousPageIcon } from "../../components/icons";
import { settings } from "../../session/settings";
import { useFormats } from "../../text/use_format";
import { PAGE_SIZES } from "./jobs_search";
import { FIRST, type PagePlace, lastPlace, nextPlace, pageNumber, previousPlace } from "./page_place";

interface Props {
  list: JobList;
  /** Whether the list is that of the page before, while this one is read. */
  isOld: boolean;
  place: PagePlace;
  pageSize: number;
  onOpen: (place: PagePlace) => void;
}

export function Pager({ list, isOld, place, pageSize, onOpen }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const page = pageNumber(place, pageSize);
  const pages = Math.max(page, Math.ceil(list.total / pageSize));
  const previous = previousPlace(place, pageSize);
  const next = isOld || !list.next_cursor ? undefined : list.next_cursor;

  function step(name: "first" | "previous" | "next" | "last", icon: ReactNode, to: PagePlace | undefined): ReactNode {
    return (
      <IconButton color="primary" aria-label={t(`jobs.${name}`)} title={t(`jobs.${name}`)} disabled={to === undefined} onClick={() => onOpen(to ?? FIRST)}>
        {icon}
      </IconButton>
    );
  }

  return (
    <Stack direction="row" sx={{ mt: 1.5, columnGap: 1.5, rowGap: 1, alignItems: "center", justifyContent: "flex-end", flexWrap: "wrap" }}>
      <Typography variant="body2" color="textSecondary" sx={{ flexGrow: { xs: 1, sm: 0 } }}>
        {t("jobs.of", { total: formats.count(list.total) })}
      </Typography>
      <Choice
        label={t("jobs.pageSize")}
        value={pageSize}
        sx={{ width: 92 }}
        choices={PAGE_SIZES.map((each) => [each, String(each)])}
        onChoose={(size) => {
          if (previous !== undefined) onOpen(FIRST);
          settings.getState().change({ pageSize: size });
        }}
      />
      <Stack direction="row" sx={{ columnGap: 0.5, alignItems: "center", justifyContent: "flex-end", flexBasis: { xs: "100%", sm: "auto" } }}>
        {step("first", <FirstPageIcon />, previous && FIRST)}
        {step("previous", <PreviousPageIcon />, previous)}
        <Typography variant="body2" noWrap>
          {t("jobs.page", { page: formats.count(page), pages: formats.count(pages) })}
        </Typography>
        {step("next", <NextPageIcon />, next === undefined ? undefined : nextPlace(place, next))}
        {step("last", <LastPageIcon />, next === undefined ? undefined : lastPlace(list.total, pageSize))}
      </Stack>
    </Stack>
  );
}
