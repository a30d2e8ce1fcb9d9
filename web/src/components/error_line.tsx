/** What went wrong, in the language of the page as far as it has words for it. */
import type { ReactNode } from "react";
import { useErrorText } from "../text/use_error_text";
import { ServerText } from "./server_text";

export function ErrorLine({ error }: { error: unknown }): ReactNode {
  const { text, isEnglish } = useErrorText()(error);
  return isEnglish ? <ServerText>{text}</ServerText> : text;
}
