/** Which job this one renders again, and how the two videos compare. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import MuiLink from "@mui/material/Link";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { JobDetail, Reproduction } from "../../api/types";
import { ServerText } from "../../components/server_text";
import { shortId } from "../../text/format";
import { useFormats } from "../../text/use_format";

const CELL = { textAlign: "left", fontWeight: "inherit", verticalAlign: "top", py: 0.25, pr: 2, overflowWrap: "anywhere" } as const;

function Differences({ reproduction }: { reproduction: Reproduction }): ReactNode {
  const { t } = useTranslation();
  return (
    <Box component="table" sx={{ mt: 1, borderCollapse: "collapse", "& th, & td": CELL, "& thead th, & caption": { fontWeight: 600 }, "& caption": { textAlign: "left" } }}>
      <caption>{t("job.differences")}</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">{t("job.original", { job: shortId(reproduction.original) })}</th>
          <th scope="col">{t("job.thisJob")}</th>
        </tr>
      </thead>
      <tbody>
        {reproduction.differences.map(({ name, original, reproduction: own }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{original ?? "–"}</td>
            <td>{own ?? "–"}</td>
          </tr>
        ))}
      </tbody>
    </Box>
  );
}

export default function ReproductionNote({ job, original }: { job: JobDetail; original: string }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { reproduction } = job;
  const name = shortId(original);

  function result(): string {
    if (reproduction === null) return t("job.reproduces", { job: name });
    if (reproduction.identical) return t("job.reproducedSame", { job: name });
    if (reproduction.frames === null) return t("job.reproducedUnknown", { job: name });
    const { different_frames, first_frame, psnr_db, ssim } = reproduction.frames;
    return t("job.reproducedOther", {
      count: different_frames,
      frames: job.media?.frames ?? job.frames,
      job: name,
      first: first_frame + 1,
      psnr: formats.decimal(psnr_db, 1),
      ssim: formats.decimal(ssim, 4),
    });
  }

  return (
    <Alert severity={reproduction === null ? "info" : reproduction.identical ? "success" : "warning"} sx={{ mt: 1.5 }}>
      {result()} {reproduction?.trouble ? <ServerText>{reproduction.trouble}</ServerText> : null}{" "}
      <MuiLink component={Link} to={`/jobs/${original}`} color="inherit">
        {t("layout.openJob", { job: name })}
      </MuiLink>
      {reproduction !== null && reproduction.differences.length > 0 ? <Differences reproduction={reproduction} /> : null}
    </Alert>
  );
}
