/** Commits of all jobs by a question, as a line through time, or counted by who sent them. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import Table from "@mui/material/Table";
import TableBody from "@mui/material/TableBody";
import TableCell from "@mui/material/TableCell";
import TableContainer from "@mui/material/TableContainer";
import TableHead from "@mui/material/TableHead";
import TableRow from "@mui/material/TableRow";
import Typography from "@mui/material/Typography";
import MuiLink from "@mui/material/Link";
import { type ReactNode, useCallback } from "react";
import { useTranslation } from "react-i18next";
import { useCommandCounts, useFoundCommits } from "../../api/audit";
import type { CommandCount } from "../../api/types";
import { Choice } from "../../components/choice";
import { ErrorLine } from "../../components/error_line";
import { Loaded } from "../../components/loaded";
import { useFormats } from "../../text/use_format";
import { type TabProps, conditionOf, withCondition } from "./audit_search";
import { CommitTimeline } from "./commit_timeline";
import { QuestionField, questionProblem } from "./question_field";

interface CountsProps {
  counts: readonly CommandCount[];
  onNarrow: (...conditions: string[]) => void;
}

function Counts({ counts, onNarrow }: CountsProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <TableContainer tabIndex={0}>
      <Table size="small">
        <TableHead>
          <TableRow>
            <TableCell>{t("fields.actor")}</TableCell>
            <TableCell>{t("audit.command")}</TableCell>
            <TableCell align="right">{t("audit.count")}</TableCell>
            <TableCell>{t("audit.first")}</TableCell>
            <TableCell>{t("audit.last")}</TableCell>
          </TableRow>
        </TableHead>
        <TableBody>
          {counts.map((each) => (
            <TableRow key={`${each.actor} ${each.command}`} hover>
              <TableCell sx={{ overflowWrap: "anywhere", minWidth: 120 }}>
                <MuiLink component="button" type="button" sx={{ textAlign: "left" }} onClick={() => onNarrow(conditionOf("actor", each.actor), conditionOf("command", each.command))}>
                  {each.actor}
                </MuiLink>
              </TableCell>
              <TableCell>{each.command}</TableCell>
              <TableCell align="right">{formats.count(each.commits)}</TableCell>
              <TableCell sx={{ whiteSpace: "nowrap" }}>{formats.moment(each.first_at)}</TableCell>
              <TableCell sx={{ whiteSpace: "nowrap" }}>{formats.moment(each.last_at)}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}

export default function SearchTab({ search, rights, onChange }: TabProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { question, isOldestFirst, isCounted } = search;
  const commits = useFoundCommits(question, isOldestFirst, !isCounted);
  const counts = useCommandCounts(question, isCounted);
  const asked = isCounted ? counts : commits;
  const narrow = useCallback(
    (...conditions: string[]) => onChange({ question: conditions.reduce(withCondition, question), isCounted: false }),
    [onChange, question],
  );
  const shown = commits.data?.pages.flatMap((page) => page.commits) ?? [];
  const position = commits.data?.pages.at(-1)?.position;

  return (
    <Stack sx={{ gap: 2 }}>
      <QuestionField
        question={question}
        error={asked.error}
        isOperator={rights.isOperator}
        onAsk={(next) => {
          if (next === question) void asked.refetch();
          else onChange({ question: next });
        }}
      />
      {questionProblem(asked.error) !== undefined ? null : (
        <Paper variant="outlined" sx={{ p: 2 }}>
          <Stack direction="row" sx={{ gap: 1.5, mb: 1, alignItems: "center", flexWrap: "wrap", justifyContent: "space-between" }}>
            <Typography role="status" color="textSecondary" variant="body2">
              {isCounted || commits.data === undefined
                ? null
                : `${commits.hasNextPage ? t("audit.foundFirst", { count: shown.length }) : t("audit.found", { count: shown.length })}, ${t("audit.searched", { position: formats.count(position ?? 0) })}`}
            </Typography>
            <Stack direction="row" sx={{ gap: 1.5, flexWrap: "wrap" }}>
              <Choice
                label={t("audit.show")}
                value={isCounted ? "who" : "commits"}
                sx={{ minWidth: 150 }}
                choices={[
                  ["commits", t("audit.commits")],
                  ["who", t("audit.who")],
                ]}
                onChoose={(chosen) => onChange({ isCounted: chosen === "who" })}
              />
              {isCounted ? null : (
                <Choice
                  label={t("audit.order")}
                  value={isOldestFirst ? "oldest" : "newest"}
                  sx={{ minWidth: 150 }}
                  choices={[
                    ["newest", t("audit.newestFirst")],
                    ["oldest", t("audit.oldestFirst")],
                  ]}
                  onChoose={(chosen) => onChange({ isOldestFirst: chosen === "oldest" })}
                />
              )}
            </Stack>
          </Stack>
          {isCounted ? (
            <Loaded query={counts} lines={8} empty={t("audit.none")} isEmpty={(list) => list.length === 0}>
              {(list) => <Counts counts={list} onNarrow={narrow} />}
            </Loaded>
          ) : (
            <Loaded query={commits} lines={8}>
              {() =>
                shown.length === 0 ? (
                  <Stack sx={{ p: 3, alignItems: "center", gap: 1, textAlign: "center" }}>
                    {question === "" ? (
                      <>
                        <Typography variant="h2">{t("audit.noCommits")}</Typography>
                        <Typography color="textSecondary">{t("audit.noCommitsHint")}</Typography>
                      </>
                    ) : (
                      <Typography>{t("audit.none")}</Typography>
                    )}
                  </Stack>
                ) : (
                  <Box sx={{ opacity: commits.isPlaceholderData ? 0.6 : 1 }}>
                    <CommitTimeline commits={shown} onNarrow={narrow} />
                  </Box>
                )
              }
            </Loaded>
          )}
          {commits.isFetchNextPageError ? (
            <Alert severity="error" sx={{ mt: 1 }}>
              <ErrorLine error={commits.error} />
            </Alert>
          ) : null}
          {!isCounted && commits.hasNextPage ? (
            <Button sx={{ mt: 1 }} loading={commits.isFetchingNextPage} onClick={() => void commits.fetchNextPage()}>
              {t("audit.more")}
            </Button>
          ) : null}
        </Paper>
      )}
    </Stack>
  );
}
