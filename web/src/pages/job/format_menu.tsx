/** The menu of the formats that a video is exported in. */
import Menu from "@mui/material/Menu";
import MenuItem from "@mui/material/MenuItem";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { FORMATS, type Format } from "./formats";

interface Props {
  anchor: HTMLElement;
  onClose: () => void;
  onChoose: (format: Format) => void;
}

export default function FormatMenu({ anchor, onClose, onChoose }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <Menu anchorEl={anchor} open onClose={onClose}>
      {(Object.keys(FORMATS) as Format[]).map((format) => (
        <MenuItem key={format} onClick={() => onChoose(format)}>
          {t(`job.formatOf.${format}`)}
        </MenuItem>
      ))}
    </Menu>
  );
}
