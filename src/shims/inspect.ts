// Node's util.inspect, near enough to be read by people.

export interface InspectOptions {
  /** How many levels of objects; null for all. */
  depth?: number | null;
  breakLength?: number;
  [other: string]: unknown;
}

const custom = Symbol.for('nodejs.util.inspect.custom');
const MAX_ENTRIES = 100;

export function inspect(value: unknown, options: InspectOptions | boolean = {}): string {
  const { depth = 2 } = typeof options === 'object' ? options : {};
  return shown(value, depth ?? Infinity, new Set(), typeof options === 'object' ? options : {});
}
// A declaration cannot say of a function's property that it is one symbol and no other.
inspect.custom = custom as symbol;
inspect.defaultOptions = {} as InspectOptions;
inspect.colors = {} as Record<string, [number, number]>;
inspect.styles = {} as Record<string, string>;

function shown(value: unknown, depth: number, above: Set<object>, options: InspectOptions): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'function') return functionText(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const own = (value as { [custom]?: unknown })[custom];
  if (typeof own === 'function') {
    const said = own.call(value, depth, options, inspect) as unknown;
    if (said !== value) return typeof said === 'string' ? said : shown(said, depth, above, options);
  }
  if (above.has(value)) return '[Circular *1]';
  const plain = plainText(value);
  if (plain !== undefined) return plain;
  const name = nameOf(value);
  if (depth < 0 && Object.keys(value).length > 0)
    return Array.isArray(value) ? '[Array]' : `[${name || 'Object'}]`;
  const inside = new Set(above).add(value);
  return framed(value, name, (part) => shown(part, depth - 1, inside, options));
}

function quoted(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  if (!text.includes("'")) return `'${escaped}'`;
  return text.includes('"') ? `\`${escaped}\`` : `"${escaped}"`;
}

function functionText(value: { name: string }): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'Function';
  return `[${kind}${value.name ? `${kind === 'class' ? ' ' : ': '}${value.name}` : ' (anonymous)'}]`;
}

/** Of objects that are one value. */
function plainText(value: object): string | undefined {
  if (value instanceof Error) return value.stack ?? String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return `[${value.constructor.name}: ${inspect(value.valueOf())}]`;
  return undefined;
}

function nameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  return prototype === null ? '[Object: null prototype]' : (prototype.constructor?.name ?? '');
}

function framed(value: object, name: string, part: (value: unknown) => string): string {
  if (Array.isArray(value)) return listed(value, '', part);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return listed(value as unknown as ArrayLike<unknown>, `${name}(${(value as Uint8Array).length}) `, part);
  if (value instanceof Set) return braced(`Set(${value.size})`, [...value].map(part));
  if (value instanceof Map)
    return braced(
      `Map(${value.size})`,
      [...value].map(([key, one]) => `${part(key)} => ${part(one)}`),
    );
  const entries = Object.entries(value).map(([key, one]) => `${keyText(key)}: ${part(one)}`);
  return braced(name === 'Object' ? '' : name, entries);
}

function listed(list: ArrayLike<unknown>, prefix: string, part: (value: unknown) => string): string {
  const parts = Array.from({ length: Math.min(list.length, MAX_ENTRIES) }, (_, i) => part(list[i]));
  const rest = list.length - parts.length;
  if (rest > 0) parts.push(`... ${rest} more item${rest > 1 ? 's' : ''}`);
  return parts.length === 0 ? `${prefix}[]` : `${prefix}[ ${parts.join(', ')} ]`;
}

function braced(name: string, parts: string[]): string {
  const body = parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
  return name ? `${name} ${body}` : body;
}

function keyText(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}
