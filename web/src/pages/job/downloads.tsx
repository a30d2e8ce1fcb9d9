/** The video as a file: as it is, or exported in another format, which the server makes when it is asked. */
import Button from "@mui/material/Button";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useTranslation } from "react-i18next";
import { saveFile } from "../../api/download";
import { FileDownloadIcon } from "../../components/icons";
import { useNotices } from "../../session/notices";
import { shortId } from "../../text/format";
import { useErrorText } from "../../text/use_error_text";
import { FORMATS, type Format } from "./formats";

/** Loaded when it is opened. */
const FormatMenu = lazy(() => import("./format_menu"));

/** `address` is a link to the video that needs no key. */
export function Downloads({ jobId, address }: { jobId: string; address: string }): ReactNode {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const show = useNotices((state) => state.show);
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [making, setMaking] = useState<Format>();
  const name = `kinolog-${shortId(jobId)}`;

  async function make(format: Format): Promise<void> {
    setAnchor(null);
    setMaking(format);
    try {
      await saveFile(`${name}.${FORMATS[format]}`, `/api/v1/result/${jobId}/export/${format}`);
    } catch (error) {
      const { text, detail } = errorText(error);
      show("error", text, { detail });
    } finally {
      setMaking(undefined);
    }
  }

  return (
    <>
      <Button size="small" startIcon={<FileDownloadIcon />} href={address} download={`${name}.mp4`}>
        {t("actions.download")}
      </Button>
      <Button
        size="small"
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        loading={making !== undefined}
        onClick={(event) => setAnchor(event.currentTarget)}
      >
        {t("job.formats")}
      </Button>
      {anchor === null ? null : (
        <Suspense>
          <FormatMenu anchor={anchor} onClose={() => setAnchor(null)} onChoose={(format) => void make(format)} />
        </Suspense>
      )}
    </>
  );
}
