/** A picture of the gateway. With a key it is read by script, since `<img>` sends none. */
import { type ReactNode, useEffect, useState } from "react";
import { pathOf } from "../api/address";
import { useFile } from "../api/queries";
import { useSettings } from "../session/settings";
import { PictureFrame } from "./picture_frame";

interface Props {
  link: string | null | undefined;
  alt: string;
  /** Width over height. */
  ratio?: number;
}

function useBlobAddress(blob: Blob | undefined): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (blob === undefined) return undefined;
    const made = URL.createObjectURL(blob);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the address is made and freed with the effect
    setAddress(made);
    return () => {
      setAddress(undefined);
      URL.revokeObjectURL(made);
    };
  }, [blob]);
  return address;
}

export function Picture({ link, alt, ratio = 1 }: Props): ReactNode {
  const needsKey = useSettings((state) => state.apiKey !== "");
  const blobAddress = useBlobAddress(useFile(link).data);
  const address = link ? (needsKey ? blobAddress : pathOf(link)) : undefined;
  return (
    <PictureFrame ratio={ratio}>
      {address === undefined ? null : <img src={address} alt={alt} loading="lazy" decoding="async" />}
    </PictureFrame>
  );
}
