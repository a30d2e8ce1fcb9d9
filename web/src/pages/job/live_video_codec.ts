/** What a video of H.264 in MP4 is called in a media type. */

/** The name of the box that describes the video: avcC. */
const BOX = [0x61, 0x76, 0x63, 0x43];

/** Return the name in the first bytes of a file, such as `avc1.42c01f`; undefined until they have it. */
export function codecIn(pieces: readonly Uint8Array[]): string | undefined {
  const bytes = pieces.flatMap((piece) => [...piece.subarray(0, 4_096)]).slice(0, 4_096);
  const box = bytes.findIndex((_, index) => BOX.every((letter, place) => bytes[index + place] === letter));
  // The name of the box, a version, and then profile, constraints and level.
  const numbers = bytes.slice(box + BOX.length + 1, box + BOX.length + 4);
  if (box < 0 || numbers.length < 3) return undefined;
  return `avc1.${numbers.map((number) => number.toString(16).padStart(2, "0")).join("")}`;
}
