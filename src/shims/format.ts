import { inspect } from './inspect.ts';

/** Node's util.format: `%s %d %i %f %j %o %O %c %%`, and what is left over behind a space. */
export function format(...args: unknown[]): string {
  if (typeof args[0] !== 'string') return args.map(text).join(' ');
  const [template, ...rest] = args as [string, ...unknown[]];
  let used = 0;
  const filled = template.replace(/%[sdifjoOc%]/g, (directive) => {
    if (directive === '%%') return rest.length > 0 ? '%' : '%%';
    if (used >= rest.length) return directive;
    return directiveText(directive, rest[used++]);
  });
  return [filled, ...rest.slice(used).map(text)].join(' ');
}

export function formatWithOptions(_options: object, ...args: unknown[]): string {
  return format(...args);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

function directiveText(directive: string, value: unknown): string {
  switch (directive) {
    case '%s':
      return typeof value === 'object' && value !== null ? inspect(value, { depth: 0 }) : plain(value);
    case '%d':
      return typeof value === 'bigint'
        ? `${value}n`
        : String(typeof value === 'object' ? NaN : Number(value));
    case '%i':
      return typeof value === 'bigint' ? `${value}n` : String(Number.parseInt(String(value), 10));
    case '%f':
      return String(Number.parseFloat(String(value)));
    case '%j':
      return JSON.stringify(value) ?? 'undefined';
    case '%c':
      return '';
    default:
      return inspect(value, { depth: 4 });
  }
}

function plain(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : String(value);
}
