import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { reasonOf } from '../system-error.ts';

/** RFC 1929 counts each in one byte. */
const MAX_PART = 255;

/** The one user that a proxy serves. */
export class Login {
  readonly #expected: Buffer;

  constructor(user: string, password: string) {
    this.#expected = digest(user, password);
  }

  /** A file with one line, USER:PASSWORD. Throws one sentence, never any of it. */
  static read(file: string): Login {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new Error(`--login: cannot read ${file}: ${reasonOf(error)}`);
    }
    const [, user, password] = /^([^:\r\n]+):([^\r\n]+)\r?\n?$/.exec(text) ?? [];
    const isShort = (part: string | undefined) => part !== undefined && Buffer.byteLength(part) <= MAX_PART;
    if (!isShort(user) || !isShort(password))
      throw new Error(
        `--login: ${file} must hold one line, USER:PASSWORD, each of at most ${MAX_PART} bytes`,
      );
    return new Login(user!, password!);
  }

  /** Takes the same time whatever is wrong. */
  admits(user: string, password: string): boolean {
    return timingSafeEqual(digest(user, password), this.#expected);
  }

  /** RFC 7617: whether a (Proxy-)Authorization header is right. */
  admitsBasic(header: string | undefined): boolean {
    const base64 = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? '')?.[1];
    if (base64 === undefined) return false;
    const text = Buffer.from(base64, 'base64').toString();
    const colon = text.indexOf(':');
    return colon >= 0 && this.admits(text.slice(0, colon), text.slice(colon + 1));
  }
}

function digest(user: string, password: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([user, password]))
    .digest();
}
