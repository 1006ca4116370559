/** Tunnels as links. An invitation holds no secret; a move holds all of them, under a passphrase that travels apart. */
import { checkConfig, formatConfig, type TunnelConfig } from '../../src/index.ts';
import { isRecord } from '../settings.ts';
import { type Sealed, seal, unseal } from './seal.ts';

/** A tunnel on its way to another page. */
export interface Parcel {
  name: string;
  relay: string;
  /** wg-quick text. */
  text: string;
}

/** How long a move may be opened; the opening page's clock decides. */
export const MOVE_LIFE = 15 * 60_000;

/**
 * Everything that another person needs but keys. Made of what was parsed, not of the text: comments may say anything.
 *
 * @param addresses of the other device, as far as they are known
 */
export function inviteLink(page: string, relay: string, config: TunnelConfig, addresses: string[]): string {
  const { dns, searchDomains, mtu } = config.interface;
  const none = { preUp: [], postUp: [], preDown: [], postDown: [] };
  const text = formatConfig({
    interface: { addresses, dns, searchDomains, ...(mtu !== undefined && { mtu }), ...none },
    peers: config.peers.map(({ presharedKey: _, ...peer }) => peer),
  });
  return `${page}#invite=${toBase64Url(new TextEncoder().encode(JSON.stringify({ name: '', relay, text })))}`;
}

/** Undefined if it is none, or holds a key that an invitation must not have. */
export function readInvite(data: string): Parcel | undefined {
  const bytes = fromBase64Url(data);
  const parcel = bytes && parcelOf(new TextDecoder().decode(bytes));
  if (!parcel || /^\s*#?\s*(private|preshared)key/im.test(parcel.text)) return undefined;
  return checkConfig(parcel.text).config && parcel;
}

/** All of a tunnel. */
export async function moveLink(
  page: string,
  parcel: Parcel,
  passphrase: string,
  expires: number,
): Promise<string> {
  const { iterations, salt, iv, data } = await seal(JSON.stringify({ ...parcel, expires }), passphrase);
  const bytes = new Uint8Array(4 + salt.length + iv.length + data.byteLength);
  new DataView(bytes.buffer).setUint32(0, iterations);
  bytes.set(salt, 4);
  bytes.set(iv, 20);
  bytes.set(new Uint8Array(data), 32);
  return `${page}#move=${toBase64Url(bytes)}`;
}

export type Opened = { parcel: Parcel; problem?: undefined } | { parcel?: undefined; problem: string };

export async function openMove(text: string, passphrase: string, now: number): Promise<Opened> {
  const sealed = sealedOf(fromBase64Url(text));
  const plain = sealed && (await unseal(sealed, readPassphrase(passphrase)));
  if (plain === undefined)
    return { problem: 'This passphrase does not open it: type the one that the other device shows.' };
  const parcel = parcelOf(plain);
  const value: unknown = JSON.parse(plain);
  if (!parcel || !isRecord(value) || typeof value.expires !== 'number')
    return { problem: 'There is no tunnel in this link that this version of the page understands.' };
  if (now > value.expires) return { problem: 'This link has expired: make a new one on the other device.' };
  return { parcel };
}

function sealedOf(bytes: Uint8Array<ArrayBuffer> | undefined): Sealed | undefined {
  if (!bytes || bytes.length < 48) return undefined;
  const iterations = new DataView(bytes.buffer).getUint32(0);
  return { iterations, salt: bytes.slice(4, 20), iv: bytes.slice(20, 32), data: bytes.slice(32).buffer };
}

function parcelOf(json: string): Parcel | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (!isRecord(value)) return undefined;
    const { name, relay, text } = value;
    if (typeof name !== 'string' || typeof relay !== 'string' || typeof text !== 'string') return undefined;
    return { name, relay, text };
  } catch {
    return undefined;
  }
}

/** No letter looks like another one or like a digit (Crockford's base 32). */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A hundred bits, to be read from one screen and typed on another. */
export function newPassphrase(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(20));
  const letters = Array.from(bytes, (byte) => LETTERS[byte & 31]).join('');
  return letters.replace(/.{5}(?!$)/g, '$&-');
}

/** However it was typed. */
export function readPassphrase(text: string): string {
  const letters = text
    .toUpperCase()
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1')
    .replace(/[^0-9A-Z]/g, '');
  return letters.replace(/.{5}(?!$)/g, '$&-');
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(binary, (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
