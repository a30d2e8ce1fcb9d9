/** A picture of the gateway. */
import { type ReactNode, useState } from "react";
import { PictureFrame } from "./picture_frame";
import { useFileAddress } from "./use_file_address";

interface Props {
  link: string | null | undefined;
  alt: string;
  /** Width over height. */
  ratio?: number;
}

export function Picture({ link, alt, ratio = 1 }: Props): ReactNode {
  const address = useFileAddress(link);
  /** The address whose file could not be shown. Its place stays empty. */
  const [lost, setLost] = useState<string>();
  return (
    <PictureFrame ratio={ratio}>
      {address === undefined || address === lost ? null : (
        <img src={address} alt={alt} loading="lazy" decoding="async" onError={() => setLost(address)} />
      )}
    </PictureFrame>
  );
}
