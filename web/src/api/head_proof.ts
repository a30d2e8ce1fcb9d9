/** Checks of signed heads of the tree over all commits: their signature, and that one tree begins with another (RFC 9162). */

/** What a head states of a tree. */
export interface StatedTree {
  origin: string;
  size: number;
  /** In hexadecimal. */
  root: string;
}

/** A head as the gateway has it. */
export interface SignedTree extends StatedTree {
  /** The public Ed25519 key, in hexadecimal. */
  key: string;
  /** The signed text with its signatures (C2SP signed-note). */
  note: string;
}

const NODE = 1;
const HINT_BYTES = 4;
const SIGNATURE_BYTES = 64;
const ED25519 = 1;
const BITS = 2;

/** Return whether this browser computes hashes on this page: pages over plain HTTP from another machine may not. */
export function canHash(): boolean {
  return isSecureContext;
}

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return sha256(joined(Uint8Array.of(NODE), left, right));
}

/**
 * Return whether the tree of `second` leaves with `secondRoot` begins with that of `first` leaves with `firstRoot`.
 *
 * As RFC 9162, section 2.1.4.2, says. Roots and proof are in hexadecimal.
 */
export async function isContinued(first: number, firstRoot: string, second: number, secondRoot: string, proof: readonly string[]): Promise<boolean> {
  if (first > second) return false;
  if (first === 0 || first === second) return proof.length === 0 && (first === 0 || firstRoot === secondRoot);
  let node = first - 1;
  let last = second - 1;
  // A whole first tree is a node of the second one, and left out of the proof.
  const isWhole = Number.isInteger(Math.log2(first));
  const hashes = (isWhole ? [firstRoot, ...proof] : proof).map(bytesOf);
  const [begin, ...others] = hashes;
  if (begin === undefined) return false;
  while (node % BITS === 1) {
    node = Math.floor(node / BITS);
    last = Math.floor(last / BITS);
  }
  let earlier = begin;
  let later = begin;
  for (const sibling of others) {
    if (last === 0) return false;
    if (node % BITS === 1 || node === last) {
      earlier = await nodeHash(sibling, earlier);
      later = await nodeHash(sibling, later);
      while (node % BITS === 0 && node > 0) {
        node = Math.floor(node / BITS);
        last = Math.floor(last / BITS);
      }
    } else {
      later = await nodeHash(later, sibling);
    }
    node = Math.floor(node / BITS);
    last = Math.floor(last / BITS);
  }
  return last === 0 && isEqual(earlier, bytesOf(firstRoot)) && isEqual(later, bytesOf(secondRoot));
}

/** Return the text of a note, and the signatures below it that are under a name. */
function partsOf(note: string, name: string): { text: string; signatures: Uint8Array<ArrayBuffer>[] } | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end < 0) return undefined;
  const beginning = `— ${name} `;
  const lines = note.slice(end + 2).split("\n");
  const signatures = lines.filter((line) => line.startsWith(beginning)).map((line) => bytesOfBase64(line.slice(beginning.length)));
  return { text: note.slice(0, end + 1), signatures };
}

/**
 * Return whether the key of a head signed the size and the root that the head states.
 *
 * Undefined where the browser has no Ed25519.
 */
export async function isSigned(head: SignedTree): Promise<boolean | undefined> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("raw", bytesOf(head.key), "Ed25519", false, ["verify"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return undefined;
    return false;
  }
  try {
    const parts = partsOf(head.note, head.origin);
    if (parts === undefined) return false;
    const [origin, size, root] = parts.text.split("\n");
    if (origin !== head.origin || size !== String(head.size) || !isEqual(bytesOfBase64(root ?? ""), bytesOf(head.root))) return false;
    const name = new TextEncoder().encode(`${head.origin}\n`);
    const hint = (await sha256(joined(name, Uint8Array.of(ED25519), bytesOf(head.key)))).slice(0, HINT_BYTES);
    const signature = parts.signatures.find((each) => each.length === HINT_BYTES + SIGNATURE_BYTES && isEqual(each.slice(0, HINT_BYTES), hint));
    if (signature === undefined) return false;
    return await crypto.subtle.verify("Ed25519", key, signature.slice(HINT_BYTES), new TextEncoder().encode(parts.text));
  } catch {
    return false; // what it states is no base64
  }
}
