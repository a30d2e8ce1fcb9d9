/** The address of a file for `<img>` and `<video>`. With a key the file is read by script, since these send none. */
import { useEffect, useState } from "react";
import { pathOf } from "../api/address";
import { useFile } from "../api/queries";
import { useSettings } from "../session/settings";

/** How long an address outlasts its use: an element that was given it a moment ago may not have opened it yet. */
const ADDRESS_OUTLASTS_MS = 10_000;

function useBlobAddress(blob: Blob | undefined): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (blob === undefined) return undefined;
    const made = URL.createObjectURL(blob);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the address is made and freed with the effect
    setAddress(made);
    return () => {
      setAddress(undefined);
      setTimeout(() => URL.revokeObjectURL(made), ADDRESS_OUTLASTS_MS);
    };
  }, [blob]);
  return address;
}

/** Return the address; undefined until there is one. */
export function useFileAddress(link: string | null | undefined): string | undefined {
  const needsKey = useSettings((state) => state.apiKey !== "");
  const blobAddress = useBlobAddress(useFile(link).data);
  if (!link) return undefined;
  return needsKey ? blobAddress : pathOf(link);
}
