/** The field of a question, with what is wrong with it, conditions to add, and its language. */
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import Collapse from "@mui/material/Collapse";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { RequestFailed } from "../../api/problem";
import { ServerText } from "../../components/server_text";
import { en } from "../../i18n/en";
import { type WrongWord, withCondition, wrongWordOf } from "./audit_search";

const EXAMPLES = ["since=7d", "outcome=failed", "event=cancelled", "command=erase"] as const;
const FIELDS = Object.keys(en.audit.fieldOf) as (keyof typeof en.audit.fieldOf)[];
const MONOSPACE = { fontFamily: "monospace", overflowWrap: "anywhere" } as const;

interface Props {
  question: string;
  /** Why the question could not be answered. */
  error: unknown;
  /** Whether the person may ask about other tenants. */
  isOperator: boolean;
  onAsk: (question: string) => void;
}

/** Return what the server found wrong with the question itself. */
export function questionProblem(error: unknown): string | undefined {
  return error instanceof RequestFailed ? error.violations.find(({ field }) => field === "query")?.message : undefined;
}

/** The question, with the word that is wrong marked. */
function MarkedWord({ question, wrong }: { question: string; wrong: WrongWord }): ReactNode {
  const begin = Math.min(question.length, wrong.column - 1);
  const end = begin + wrong.word.length;
  return (
    <Typography variant="body2" component="code" sx={{ ...MONOSPACE, display: "block" }}>
      {question.slice(0, begin)}
      <Box component="mark" sx={{ bgcolor: "transparent", color: "error.main", fontWeight: 700, textDecoration: "underline wavy", textUnderlineOffset: 3 }}>
        {question.slice(begin, end)}
      </Box>
      {question.slice(end)}
    </Typography>
  );
}

export function QuestionField({ question, error, isOperator, onAsk }: Props): ReactNode {
  const { t } = useTranslation();
  const [text, setText] = useState(question);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const helpId = useId();
  const field = useRef<HTMLInputElement>(null);
  // The field follows another question of the address, such as that of a link.
  const [asked, setAsked] = useState(question);
  if (asked !== question) {
    setAsked(question);
    setText(question);
  }
  const problem = questionProblem(error);
  const wrong = problem === undefined ? undefined : wrongWordOf(problem);
  const begin = wrong === undefined ? undefined : wrong.column - 1;
  const end = begin === undefined || wrong === undefined ? undefined : begin + wrong.word.length;
  useEffect(() => {
    if (begin === undefined || end === undefined) return;
    // The word is selected, so that what one types replaces it.
    field.current?.focus();
    field.current?.setSelectionRange(begin, end);
  }, [begin, end]);
  const fields = isOperator ? FIELDS : FIELDS.filter((name) => name !== "tenant");

  function add(condition: string): void {
    onAsk(withCondition(text, condition));
  }

  return (
    <Box
      component="form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onAsk(text.trim());
      }}
    >
      <Stack direction="row" sx={{ gap: 1.5, alignItems: "flex-start", flexWrap: { xs: "wrap", sm: "nowrap" } }}>
        <TextField
          fullWidth
          size="small"
          label={t("audit.question")}
          value={text}
          inputRef={field}
          error={problem !== undefined}
          slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: "none", autoComplete: "off", maxLength: 4000, style: { fontFamily: "monospace" } } }}
          helperText={problem === undefined ? t("audit.questionHint") : undefined}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" variant="contained" sx={{ flexShrink: 0, minHeight: 40 }}>
          {t("audit.ask")}
        </Button>
      </Stack>
      {problem === undefined ? null : (
        <Box role="alert" sx={{ mt: 0.75, px: 1.75 }}>
          {wrong === undefined ? null : <MarkedWord question={question} wrong={wrong} />}
          <Typography variant="body2" color="error">
            {wrong === undefined ? null : `${t("audit.errorAt", { column: wrong.column })} `}
            <ServerText>{wrong?.problem ?? problem}</ServerText>
          </Typography>
        </Box>
      )}
      <Stack direction="row" sx={{ gap: 1, mt: 1, flexWrap: "wrap", alignItems: "center" }} role="group" aria-label={t("audit.examples")}>
        {EXAMPLES.map((condition) => (
          <Chip key={condition} size="small" variant="outlined" label={condition} onClick={() => add(condition)} sx={{ fontFamily: "monospace" }} />
        ))}
        <Button size="small" aria-expanded={isHelpOpen} aria-controls={helpId} onClick={() => setHelpOpen(!isHelpOpen)}>
          {t("audit.help")}
        </Button>
      </Stack>
      <Collapse in={isHelpOpen} unmountOnExit id={helpId}>
        <Typography variant="body2" color="textSecondary" sx={{ mt: 1 }}>
          {t("audit.helpHint")}
        </Typography>
        <Box component="dl" sx={{ m: 0, mt: 1, display: "grid", gridTemplateColumns: { xs: "max-content 1fr", md: "max-content 1fr max-content 1fr" }, columnGap: 2, rowGap: 0.5 }}>
          {fields.map((name) => (
            <Box key={name} sx={{ display: "contents" }}>
              <Typography component="dt" variant="body2" sx={{ fontFamily: "monospace" }}>
                {name}
              </Typography>
              <Typography component="dd" variant="body2" color="textSecondary" sx={{ m: 0, minWidth: 0, overflowWrap: "anywhere" }}>
                {t(`audit.fieldOf.${name}`)}
              </Typography>
            </Box>
          ))}
        </Box>
      </Collapse>
    </Box>
  );
}
