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
    const header = Buffer.from([id, ...this.#node, day >> 8, day & 0xff, ...randomBytes(IV)]);
    const cipher = createCipheriv('aes-256-gcm', keyOf(secret, header), header.subarray(-IV));
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined for what was not sealed with one of the secrets, yesterday, today or (clocks differ) tomorrow. */
  open(sealed: Uint8Array, now: number): Buffer | undefined {
    const bytes = Buffer.from(sealed);
    if (bytes.length < HEADER + TAG) return undefined;
    const header = bytes.subarray(0, HEADER);
    if (Math.abs(header.readUInt16BE(1 + NODE) - dayOf(now)) > 1) return undefined;
    for (const { id, secret } of this.#secrets) {
      if (id !== header[0]) continue;
      const iv = header.subarray(-IV);
      const decipher = createDecipheriv('aes-256-gcm', keyOf(secret, header), iv, { authTagLength: TAG });
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

/** By the node and the day in it. */
function keyOf(secret: Uint8Array, header: Buffer): Buffer {
  const day = header.readUInt16BE(1 + NODE);
  return Buffer.from(hkdfSync('sha256', secret, header.subarray(1, 1 + NODE), `wgrelay ticket ${day}`, 32));
}
