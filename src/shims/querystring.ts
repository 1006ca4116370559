// Node's `querystring`.

export type Query = Record<string, string | string[]>;

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[*]/g, '%2A');
}

/** What is not well-formed stays as it is. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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
    .map(([name, value]) => `${escaped(name)}${equals}${escaped(textOf(value))}`)
    .join(separator);
}

function textOf(value: unknown): string {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : '';
}

export * as default from './querystring.ts';
export { escaped as escape, parse as decode, stringify as encode, unescaped as unescape };
