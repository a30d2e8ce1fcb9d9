/** The words for an error: those of the page, and then those of the server. */
import type { ReactNode } from "react";
import type { ErrorText } from "../text/use_error_text";
import { ServerText } from "./server_text";

export function ErrorWords({ text, detail }: ErrorText): ReactNode {
  return (
    <>
      {text}
      {text === "" || detail === "" ? null : " "}
      {detail === "" ? null : <ServerText>{detail}</ServerText>}
    </>
  );
}
