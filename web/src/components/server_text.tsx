/** A sentence of the server. Programs that read the page aloud are told that it is English. */
import type { ReactNode } from "react";

export function ServerText({ children }: { children: string }): ReactNode {
  return <span lang="en">{children}</span>;
}
