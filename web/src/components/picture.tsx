/** A picture of the gateway. */
import type { ReactNode } from "react";
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
  return (
    <PictureFrame ratio={ratio}>
      {address === undefined ? null : <img src={address} alt={alt} loading="lazy" decoding="async" />}
    </PictureFrame>
  );
}
