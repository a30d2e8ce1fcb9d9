/** The last signed head of the tree over all commits: what it states, what this browser checked of it, and those before. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type CheckedHead, useAuditRights, useCheckedHead, useRecentHeads } from "../../api/audit";
import { RequestFailed } from "../../api/problem";
import { queryKeys } from "../../api/query_keys";
import type { HeadPlace, TreeHead } from "../../api/types";
import { FactList } from "../../components/fact_list";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { forgetHead } from "../../session/first_head";
import { useFormats } from "../../text/use_format";
import { canHash } from "../../api/head_proof";

const MONOSPACE = { fontFamily: "monospace", overflowWrap: "anywhere" } as const;

function Hash({ name, value }: { name: string; value: string }): ReactNode {
  return (
    <Box sx={{ minWidth: 0 }}>
      <Typography variant="body2" color="textSecondary">
        {name}
      </Typography>
      <Typography sx={MONOSPACE}>{value}</Typography>
    </Box>
  );
}

/** What this browser found about a head: a sentence, and whether it is good. */
function Checks({ head, check }: CheckedHead): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const queries = useQueryClient();
  const { first, relation } = check;
  const facts = first === undefined ? {} : { number: formats.count(first.number), size: formats.count(first.size), time: formats.moment(first.seen_at) };

  if (!canHash()) return <Alert severity="info">{t("audit.insecure")}</Alert>;

  function signature(): ReactNode {
    if (check.isSigned === undefined) return <Alert severity="info">{t("audit.signatureUnknown")}</Alert>;
    return check.isSigned ? <Alert severity="success">{t("audit.signatureHolds")}</Alert> : <Alert severity="error">{t("audit.signatureBroken")}</Alert>;
  }

  function continuation(): ReactNode {
    switch (relation) {
      case "first":
        return <Alert severity="info">{t("audit.firstSeen")}</Alert>;
      case "same":
        return <Alert severity="success">{t("audit.same", facts)}</Alert>;
      case "continues":
        return <Alert severity="success">{t("audit.continues", facts)}</Alert>;
      case "rewritten":
        return <Alert severity="error">{t("audit.rewritten", facts)}</Alert>;
      case "other":
        return <Alert severity="error">{t("audit.otherLog", facts)}</Alert>;
      default:
        return null;
    }
  }

  return (
    <Stack sx={{ gap: 1, alignItems: "stretch" }}>
      {signature()}
      {continuation()}
      {first === undefined || first.key_id === head.key_id ? null : <Alert severity="warning">{t("audit.otherKey")}</Alert>}
      {first === undefined || relation === "first" ? null : (
        <Button
          size="small"
          sx={{ alignSelf: "flex-start" }}
          onClick={() => {
            forgetHead();
            void queries.invalidateQueries({ queryKey: queryKeys.treeHead });
          }}
        >
          {t("audit.forget")}
        </Button>
      )}
    </Stack>
  );
}

function Recent({ heads, keyId }: { heads: readonly TreeHead[]; keyId: string }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none" }}>
      {heads.map((head) => (
        <Box component="li" key={head.number} sx={{ py: 0.75, borderTop: 1, borderColor: "divider" }}>
          <Typography>
            {t("audit.headOf", { number: formats.count(head.number) })} · {t("audit.found", { count: head.size })}
          </Typography>
          <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
            {formats.moment(head.signed_at)}
            {head.key_id === keyId ? null : ` · ${t("audit.keyId")} ${head.key_id}`}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

/** Which places outside of kinolog have heads. Only operators learn it. */
function Places({ places, number }: { places: readonly HeadPlace[]; number: number }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const isOperator = useAuditRights()?.isOperator ?? false;
  if (places.length === 0) {
    return (
      <Typography variant="body2" color="textSecondary">
        {isOperator ? t("audit.noPlaces") : t("audit.placesHint")}
      </Typography>
    );
  }
  return (
    <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none" }}>
      {places.map((place) => (
        <Box component="li" key={place.name} sx={{ py: 0.75, borderTop: 1, borderColor: "divider", "&:first-of-type": { borderTop: 0, pt: 0 } }}>
          <Typography sx={MONOSPACE}>{place.name}</Typography>
          <Typography variant="body2" color="textSecondary">
            {place.number === number ? t("audit.thisHead") : t("audit.headOf", { number: formats.count(place.number) })}
            {place.sent_at === null ? null : ` · ${t("audit.since", { time: formats.moment(place.sent_at) })}`}
            {place.has_receipt ? ` · ${t("audit.withReceipt")}` : null}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

function Head({ checked }: { checked: CheckedHead }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { head } = checked;
  const recent = useRecentHeads(head.number);
  return (
    <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: { xs: "minmax(0, 1fr)", md: "minmax(0, 3fr) minmax(0, 2fr)" } }}>
      <Panel title={t("audit.lastHead")}>
        <Stack sx={{ gap: 2 }}>
          <FactList
            facts={[
              [t("audit.number"), formats.count(head.number)],
              [t("audit.size"), formats.count(head.size)],
              [t("audit.signed"), formats.moment(head.signed_at)],
              [t("audit.origin"), head.origin],
            ]}
          />
          <Hash name={t("audit.root")} value={head.root} />
          <Hash name={t("audit.keyId")} value={head.key_id} />
          <Typography variant="body2" color="textSecondary">
            {t("audit.headHint")}
          </Typography>
        </Stack>
      </Panel>
      <Panel title={t("audit.checkTitle")}>
        <Checks {...checked} />
      </Panel>
      <Box sx={{ alignSelf: "start", minWidth: 0 }}>
        <Panel title={t("audit.places")}>
          <Places places={head.places} number={head.number} />
        </Panel>
      </Box>
      {head.number > 1 ? (
        <Panel title={t("audit.recentHeads")}>
          <Loaded query={recent} lines={6}>
            {(heads) => <Recent heads={heads} keyId={head.key_id} />}
          </Loaded>
        </Panel>
      ) : null}
    </Box>
  );
}

export default function HeadsTab(): ReactNode {
  const { t } = useTranslation();
  const checked = useCheckedHead();
  if (checked.error instanceof RequestFailed && checked.error.status === 404) {
    return <Alert severity="info">{t("audit.noHead")}</Alert>;
  }
  return (
    <Loaded query={checked} lines={8}>
      {(data) => <Head checked={data} />}
    </Loaded>
  );
}
