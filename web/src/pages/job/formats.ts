/** The formats that a video is exported in, with the ends of their files' names. */
export const FORMATS = { gif: "gif", webp: "webp", spritesheet: "jpg", png: "zip" } as const;
export type Format = keyof typeof FORMATS;
