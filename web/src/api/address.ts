/** Addresses of the gateway. The page is below it, so they begin where the page's <base> says, prefix of a proxy included. */

/** Path of the folder of this page, with a slash at the end: `/` or `/prefix/`. */
export const ROOT = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

/** Return the path of a link of the gateway, which begins with a slash and may have the prefix already. */
export function pathOf(link: string): string {
  return link.startsWith(ROOT) ? link : ROOT + link.replace(/^\//, "");
}

/** Return the address of the WebSocket. */
export function liveAddress(): string {
  const address = new URL(pathOf("/ws"), location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}
