/** A rendered scene: its first frame, and with controls the whole of it. */
import type { ReactNode } from "react";
import { PictureFrame } from "./picture_frame";
import { useFileAddress } from "./use_file_address";

interface Props {
  link: string | null | undefined;
  /** What it is called; empty if the text beside it says so. */
  name: string;
  /** Width over height. */
  ratio: number;
  hasControls?: boolean;
}

export function Clip({ link, name, ratio, hasControls = false }: Props): ReactNode {
  const address = useFileAddress(link);
  return (
    <PictureFrame ratio={ratio}>
      {address === undefined ? null : (
        <video
          key={address}
          src={address}
          muted
          loop
          playsInline
          controls={hasControls}
          preload="metadata"
          {...(name === "" ? { "aria-hidden": true, tabIndex: -1 } : { "aria-label": name })}
        />
      )}
    </PictureFrame>
  );
}
