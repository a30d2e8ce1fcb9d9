/** The video of a job while it is rendered. It plays what is drawn, and goes on as more is. */
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { followLiveVideo } from "../../api/live_video";
import type { JobDetail } from "../../api/types";
import { PictureFrame } from "../../components/picture_frame";
import { codecIn } from "./live_video_codec";

/**
 * Appends bytes to a video one after the other: a source buffer takes one piece at a time.
 *
 * Its address ends once a video has opened it. A video that was given one of an earlier end could not open it.
 */
class Appended {
  readonly source = new MediaSource();
  readonly #address = URL.createObjectURL(this.source);
  #isGiven = false;
  #buffer: SourceBuffer | undefined;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #isComplete = false;

  constructor() {
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(this.#address);
      this.#append();
    });
  }

  /** The address for one video. */
  get address(): string {
    this.#isGiven = true;
    return this.#address;
  }

  add(bytes: Uint8Array<ArrayBuffer>): void {
    this.#waiting.push(bytes);
    this.#append();
  }

  complete(): void {
    this.#isComplete = true;
    this.#append();
  }

  close(): void {
    if (!this.#isGiven) URL.revokeObjectURL(this.#address);
  }

  #append(): void {
    if (this.source.readyState !== "open" || this.#buffer?.updating) return;
    if (this.#buffer === undefined) {
      const codec = codecIn(this.#waiting);
      if (codec === undefined) return;
      this.#buffer = this.source.addSourceBuffer(`video/mp4; codecs="${codec}"`);
      this.#buffer.addEventListener("updateend", () => this.#append());
    }
    const next = this.#waiting.shift();
    if (next !== undefined) this.#buffer.appendBuffer(next);
    else if (this.#isComplete) this.source.endOfStream();
  }
}

interface Props {
  job: JobDetail;
  /** What is shown until there is something to play. */
  children: ReactNode;
}

export default function LiveVideo({ job, children }: Props): ReactNode {
  const { t } = useTranslation();
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const ending = new AbortController();
    let appended = new Appended();
    const show = (): void => setAddress(appended.address);
    const sink = {
      add: (bytes: Uint8Array<ArrayBuffer>): void => {
        show();
        appended.add(bytes);
      },
      restart: (): void => {
        appended.close();
        appended = new Appended();
      },
    };
    void followLiveVideo(job.job_id, sink, ending.signal).then((isWhole) => {
      if (isWhole) appended.complete();
    });
    return () => {
      ending.abort();
      appended.close();
    };
  }, [job.job_id]);
  if (address === undefined) return children;
  return (
    <PictureFrame ratio={job.width / job.height} isCut={false}>
      <video key={address} src={address} muted autoPlay playsInline controls aria-label={t("job.liveVideo")} />
    </PictureFrame>
  );
}
