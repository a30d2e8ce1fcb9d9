/** What went wrong, in the language of the page as far as it has words for it. */
import type { ReactNode } from "react";
import { useErrorText } from "../text/use_error_text";
import { ErrorWords } from "./error_words";

export function ErrorLine({ error }: { error: unknown }): ReactNode {
  return <ErrorWords {...useErrorText()(error)} />;
}
