/** A line with something on it, as wg(8) sees it: the comment cut off, white space without meaning. */
export interface ConfigLine {
  /** From 1. */
  readonly number: number;
  /** Of the first character that is not white space, from 1. */
  readonly column: number;
  /** A `[Section]` line without its white space, or what stands before `=`. */
  readonly head: string;
  /** What stands after `=`, as written; undefined where there is none, as in a section line. */
  readonly value: string | undefined;
  /** Where `value` begins, from 1. */
  readonly valueColumn: number;
}

/** One element of a value that is a list. */
export interface ConfigItem {
  readonly text: string;
  readonly column: number;
}

// What C's isspace() calls white space, because wg(8) uses it. A no-break space is not.
const WHITE_SPACE = /[ \t\v\f\r]+/g;

/** Without any white space: wg(8) deletes it all before it looks at a line. */
export function compact(text: string): string {
  return text.replace(WHITE_SPACE, '');
}

/** The lines that say something. `#` begins a comment anywhere; there is no quoting and no continuation. */
export function* readLines(text: string): Generator<ConfigLine> {
  // Files saved on Windows may begin with a byte order mark; wg(8) refuses it, which helps nobody.
  let start = text.startsWith('\ufeff') ? 1 : 0;
  for (let number = 1; start <= text.length; number++) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = readLine(text.slice(start, end), number);
    if (line) yield line;
    start = end + 1;
  }
}

function readLine(text: string, number: number): ConfigLine | undefined {
  const comment = text.indexOf('#');
  const content = comment < 0 ? text : text.slice(0, comment);
  const column = content.search(/[^ \t\v\f\r]/) + 1;
  if (column === 0) return undefined;
  const equals = content[column - 1] === '[' ? -1 : content.indexOf('=');
  return {
    number,
    column,
    head: compact(equals < 0 ? content : content.slice(0, equals)),
    value: equals < 0 ? undefined : content.slice(equals + 1),
    valueColumn: equals + 2,
  };
}

/** The value of a single-valued key, and where it begins. */
export function wholeValue(line: ConfigLine): ConfigItem {
  const value = line.value ?? '';
  return { text: compact(value), column: line.valueColumn + Math.max(0, value.search(/[^ \t\v\f\r]/)) };
}

/** The elements between commas, as wg(8) splits AllowedIPs: empty ones are elements too. */
export function* commaSeparated(line: ConfigLine): Generator<ConfigItem> {
  const value = line.value ?? '';
  for (let start = 0; start <= value.length; ) {
    const comma = value.indexOf(',', start);
    const end = comma < 0 ? value.length : comma;
    const element = value.slice(start, end);
    const blank = Math.max(0, element.search(/[^ \t\v\f\r]/));
    yield { text: compact(element), column: line.valueColumn + start + blank };
    start = end + 1;
  }
}

/** The words between commas and white space, as wg-quick(8) splits Address and DNS. */
export function* words(line: ConfigLine): Generator<ConfigItem> {
  for (const match of (line.value ?? '').matchAll(/[^ \t\v\f\r,]+/g))
    yield { text: match[0], column: line.valueColumn + match.index };
}
