import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

const DAY = 86_400_000;
const NODE = 8;
const IV = 12;
const TAG = 16;
/** key id u8 · node 8 · day u16 · iv 12; then the ciphertext and its tag. */
const HEADER = 1 + NODE + 2 + IV;

/**
 * Seals what only relays with the same secrets may read (AES-256-GCM), as TLS does with its tickets. Each process has a key
 * of its own, and another each day, derived from the first secret (HKDF, RFC 5869), its own random name and the day: no key
 * seals so much that random IVs could meet. The header says how to derive it, and is authenticated with the rest.
 */
export class TicketSeal {
  readonly #secrets: readonly { readonly id: number; readonly secret: Uint8Array }[];
  readonly #node = randomBytes(NODE);
  #day = -1;
  #key: Buffer = Buffer.alloc(0);

  /** @param secrets 32 random bytes or more each; the first seals, all open */
  constructor(secrets: readonly Uint8Array[]) {
    this.#secrets = secrets.map((secret) => ({
      id: createHash('sha256').update(secret).digest()[0]!,
      secret,
    }));
  }

  /** @param now wall clock, in ms */
  seal(plain: Uint8Array, now: number): Buffer {
    const { id, secret } = this.#secrets[0]!;
    const day = dayOf(now);
    if (day !== this.#day) this.#key = deriveKey(secret, this.#node, day);
    this.#day = day;
    const header = Buffer.alloc(HEADER);
    header[0] = id;
    header.set(this.#node, 1);
    header.writeUInt16BE(day, 1 + NODE);
    randomBytes(IV).copy(header, HEADER - IV);
    const cipher = createCipheriv('aes-256-gcm', this.#key, header.subarray(HEADER - IV));
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined for what was not sealed with one of the secrets, yesterday, today or (clocks differ) tomorrow. */
  open(sealed: Uint8Array, now: number): Buffer | undefined {
    const bytes = Buffer.from(sealed);
    if (bytes.length < HEADER + TAG) return undefined;
    const header = bytes.subarray(0, HEADER);
    const day = header.readUInt16BE(1 + NODE);
    if (Math.abs(day - dayOf(now)) > 1) return undefined;
    for (const { id, secret } of this.#secrets) {
      if (id !== header[0]) continue;
      const key = deriveKey(secret, header.subarray(1, 1 + NODE), day);
      const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(HEADER - IV), {
        authTagLength: TAG,
      });
      decipher.setAAD(header).setAuthTag(bytes.subarray(-TAG));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(HEADER, -TAG)), decipher.final()]);
      } catch {
        // Forged, or sealed with another secret of the same id.
      }
    }
    return undefined;
  }
}

function dayOf(now: number): number {
  return Math.floor(now / DAY) & 0xffff;
}

function deriveKey(secret: Uint8Array, node: Uint8Array, day: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, node, `wgrelay ticket ${day}`, 32));
}
