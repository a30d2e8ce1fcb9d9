/** A rendered scene: its first frame, and with controls the whole of it. */
import { type ReactNode, useState } from "react";
import { pathOf } from "../api/address";
import { PictureFrame } from "./picture_frame";
import { useFileAddress } from "./use_file_address";

interface Props {
  link: string | null | undefined;
  /** A link to it that needs no key, in place of `link`. */
  signedLink?: string | undefined;
  /** A picture of it, which is shown until it plays. Without one the video itself is read for it. */
  thumbnail?: string | null;
  /** What it is called; empty if the text beside it says so. */
  name: string;
  /** Width over height. */
  ratio: number;
  hasControls?: boolean;
}

/** Return an address without its ticket. */
function fileOf(address: string | undefined): string | undefined {
  return address?.split("?")[0];
}

export function Clip({ link, signedLink, thumbnail = null, name, ratio, hasControls = false }: Props): ReactNode {
  const ownAddress = useFileAddress(link);
  const newest = signedLink === undefined ? ownAddress : pathOf(signedLink);
  // A link with a ticket is read again now and then. A video that plays keeps its own, or it would start again.
  const [played, setPlayed] = useState<string>();
  const address = signedLink !== undefined && fileOf(played) === fileOf(newest) ? played : newest;
  const picture = useFileAddress(thumbnail);
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
          preload={thumbnail === null ? "metadata" : "none"}
          poster={picture}
          onPlay={() => setPlayed(address)}
          onError={() => setPlayed(undefined)}
          {...(name === "" ? { "aria-hidden": true, tabIndex: -1 } : { "aria-label": name })}
        />
      )}
    </PictureFrame>
  );
}
