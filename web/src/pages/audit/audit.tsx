/** Audits: commits of all jobs by questions, the queue as it was, heads of the record, checks and exports. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Tab from "@mui/material/Tab";
import Tabs from "@mui/material/Tabs";
import { type ComponentType, type ReactNode, Suspense, lazy, useCallback } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { type AuditRights, useAuditRights } from "../../api/audit";
import { CALLER_READING, type Reading, useCaller } from "../../api/queries";
import { Loaded } from "../../components/loaded";
import { PageHeading } from "../../components/page_heading";
import { Skeletons } from "../../components/skeletons";
import { type AuditSearch, TABS, type TabName, type TabProps, auditParamsOf, auditSearchOf } from "./audit_search";

const CONTENT: Record<TabName, ComponentType<TabProps>> = {
  search: lazy(() => import("./search_tab")),
  past: lazy(() => import("./past_tab")),
  heads: lazy(() => import("./heads_tab")),
  verify: lazy(() => import("./verify_tab")),
  export: lazy(() => import("./export_tab")),
};

export function readings(): readonly Reading[] {
  return [CALLER_READING];
}

function AuditTabs({ rights }: { rights: AuditRights }): ReactNode {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const search = auditSearchOf(params);
  const tabs = rights.mayAudit ? TABS : (["heads"] as const);
  const tab = tabs.find((name) => name === search.tab) ?? "heads";
  const Content = CONTENT[tab];
  // The address is there at once, and what is drawn follows it: a second change builds on the first.
  const change = useCallback(
    (part: Partial<AuditSearch>) => setParams(auditParamsOf({ ...auditSearchOf(new URLSearchParams(location.search)), ...part }), { replace: true }),
    [setParams],
  );
  return (
    <>
      {rights.mayAudit ? null : (
        <Alert severity="info" sx={{ mb: 2 }}>
          {t("audit.needsScope")}
        </Alert>
      )}
      <Tabs
        value={tab}
        variant="scrollable"
        onChange={(_, chosen: TabName) => change({ tab: chosen })}
        sx={{ borderBottom: 1, borderColor: "divider", mb: 2, "& .MuiTab-root": { minWidth: 0, px: { xs: 1.25, sm: 2 } } }}
      >
        {tabs.map((name) => (
          <Tab key={name} value={name} label={t(`audit.${name}`)} id={`tab-${name}`} aria-controls="tab-content" />
        ))}
      </Tabs>
      <Box role="tabpanel" id="tab-content" aria-labelledby={`tab-${tab}`}>
        <Suspense fallback={<Skeletons />}>
          <Content search={search} rights={rights} onChange={change} />
        </Suspense>
      </Box>
    </>
  );
}

export default function Audit(): ReactNode {
  const { t } = useTranslation();
  const rights = useAuditRights();
  const caller = useCaller();
  return (
    <Box>
      <PageHeading title={t("pages.audit")} />
      <Loaded query={caller} lines={8}>
        {() => (rights === undefined ? null : <AuditTabs rights={rights} />)}
      </Loaded>
    </Box>
  );
}
