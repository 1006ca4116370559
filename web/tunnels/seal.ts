/** Text under a passphrase: PBKDF2 with SHA-256 makes an AES-256-GCM key, both of WebCrypto. */

/** OWASP's figure for PBKDF2-HMAC-SHA256; kept with what it sealed, so that it can grow. */
const ITERATIONS = 600_000;
/** More than this was never written here, and would only stop the page. */
const MAX_ITERATIONS = 10_000_000;

export interface Sealed {
  iterations: number;
  salt: Uint8Array<ArrayBuffer>;
  iv: Uint8Array<ArrayBuffer>;
  data: ArrayBuffer;
}

export async function seal(text: string, passphrase: string, iterations = ITERATIONS): Promise<Sealed> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const key = await keyFrom(passphrase, salt, iterations);
  const data = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, new TextEncoder().encode(text));
  return { iterations, salt, iv, data };
}

/** Undefined if the passphrase is another one, or if somebody changed a bit. */
export async function unseal(sealed: Sealed, passphrase: string): Promise<string | undefined> {
  const { iterations, salt, iv, data } = sealed;
  if (!(iterations >= 1 && iterations <= MAX_ITERATIONS)) return undefined;
  const key = await keyFrom(passphrase, salt, iterations);
  try {
    return new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, data));
  } catch {
    return undefined;
  }
}

/** What one types on two keyboards may differ in its code points alone (NFC says so). */
async function keyFrom(
  passphrase: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<CryptoKey> {
  const secret = new TextEncoder().encode(passphrase.normalize('NFC'));
  const base = await crypto.subtle.importKey('raw', secret, 'PBKDF2', false, ['deriveKey']);
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations },
    base,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}
