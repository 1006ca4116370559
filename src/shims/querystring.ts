// Node's `querystring`.

export type Query = Record<string, string | string[]>;

/** What is no escape stays as it is; what is not UTF-8 becomes U+FFFD. */
function unescaped(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (run) =>
    new TextDecoder().decode(Uint8Array.from(run.slice(1).split('%'), (hex) => Number.parseInt(hex, 16))),
  );
}

/** A name that comes several times has an array. */
export function parse(text: string, separator = '&', equals = '='): Query {
  const query = Object.create(null) as Query;
  for (const pair of String(text).split(separator)) {
    if (pair === '') continue;
    const at = pair.indexOf(equals);
    const [name, value] = (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + equals.length)]).map(
      (part) => unescaped(part.replaceAll('+', ' ')),
    ) as [string, string];
    const before = query[name];
    query[name] = before === undefined ? value : [...[before].flat(), value];
  }
  return query;
}

export function stringify(query: Record<string, unknown> = {}, separator = '&', equals = '='): string {
  return Object.entries(query)
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, one] as const))
    .map(([name, value]) => `${encodeURIComponent(name)}${equals}${encodeURIComponent(textOf(value))}`)
    .join(separator);
}

function textOf(value: unknown): string {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : '';
}

export * as default from './querystring.ts';

const { encodeURIComponent: escaped } = globalThis;

export { escaped as escape, parse as decode, stringify as encode, unescaped as unescape };
