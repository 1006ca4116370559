import { trimmedValue } from './field-value.ts';

/** Status line and header of one answer, as they came. */
export interface ResponseHead {
  /** Of the request, after redirects; without fragment. */
  url: string;
  /** 100 to 999. */
  status: number;
  /** The words behind it; often none. */
  statusText: string;
  /** In the order in which they came, Set-Cookie among them. */
  headers: [name: string, value: string][];
}

/** What a server may send before the body, informational answers apart. */
export const MAX_HEAD_BYTES = 64 * 1024;
export const MAX_FIELDS = 2000;

/** Puts a head together out of the parts that the parser finds; bounded. */
export class HeadCollector {
  #statusText = '';
  readonly #headers: [string, string][] = [];
  #bytes = 0;
  #isInValue = true;

  /** All three: false when it is too much. */
  addStatus(part: Uint8Array): boolean {
    this.#statusText += latin1(part);
    return this.#grow(part.length);
  }

  addField(part: Uint8Array): boolean {
    if (this.#isInValue) this.#headers.push(['', '']);
    this.#isInValue = false;
    this.#headers.at(-1)![0] += latin1(part);
    return this.#grow(part.length) && this.#headers.length <= MAX_FIELDS;
  }

  addValue(part: Uint8Array): boolean {
    this.#isInValue = true;
    this.#headers.at(-1)![1] += latin1(part);
    return this.#grow(part.length);
  }

  head(status: number, url: string): ResponseHead {
    const headers = this.#headers.map(([name, value]): [string, string] => [name, trimmedValue(value)]);
    return { url, status, statusText: this.#statusText, headers };
  }

  #grow(by: number): boolean {
    this.#bytes += by;
    return this.#bytes <= MAX_HEAD_BYTES;
  }
}

/** All values of one field, in order. */
export function valuesOf({ headers }: ResponseHead, name: string): string[] {
  return headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

/** One character a byte. (TextDecoder's latin1 is windows-1252, whose characters Headers refuses.) */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}
