/** A configuration's text as fields that a form shows; comments and unknown lines stay where they are. All pure. */

export interface Section {
  kind: 'interface' | 'peer';
  /** Index of the line with its name, and of the first that is not its. */
  start: number;
  end: number;
}

const HEAD = /^\s*\[\s*(interface|peer)\s*\]/i;

export function sectionsOf(text: string): Section[] {
  const lines = text.split('\n');
  const sections: Section[] = [];
  lines.forEach((line, start) => {
    const kind = HEAD.exec(line)?.[1]?.toLowerCase();
    if (kind === undefined) return;
    const before = sections.at(-1);
    if (before) before.end = start;
    sections.push({ kind: kind as Section['kind'], start, end: lines.length });
  });
  return sections;
}

/** The values of all lines with that key, as one. */
export function readField(text: string, section: Section, key: string): string {
  const lines = text.split('\n').slice(section.start, section.end);
  return lines
    .map((line) => valueIn(line, key))
    .filter((value) => value !== undefined && value !== '')
    .join(', ');
}

/** The text with that value in the first line of that key, and no other; an empty value takes the line away. */
export function writeField(text: string, section: Section, key: string, value: string): string {
  const lines = text.split('\n');
  const places = [];
  for (let index = section.start + 1; index < section.end; index++)
    if (valueIn(lines[index]!, key) !== undefined) places.push(index);
  const [first, ...others] = places;
  const clean = value.replace(/[\r\n#]/g, ' ').trimStart();
  for (const index of others.reverse()) lines.splice(index, 1);
  if (clean.trim() === '') {
    if (first !== undefined) lines.splice(first, 1);
  } else if (first === undefined) lines.splice(endOf(lines, section), 0, `${key} = ${clean}`);
  else lines[first] = `${key} = ${clean}${commentOf(lines[first]!)}`;
  return lines.join('\n');
}

/** The text with one more section at its end. */
export function addSection(text: string, kind: Section['kind']): string {
  const head = kind === 'peer' ? '[Peer]' : '[Interface]';
  const before = text.trimEnd();
  return before === '' ? `${head}\n` : `${before}\n\n${head}\n`;
}

export function removeSection(text: string, { start, end }: Section): string {
  const lines = text.split('\n');
  lines.splice(start, end - start);
  return lines.join('\n');
}

/** Behind its last line that says something. */
function endOf(lines: string[], { start, end }: Section): number {
  let index = end;
  while (index > start + 1 && lines[index - 1]!.trim() === '') index--;
  return index;
}

function valueIn(line: string, key: string): string | undefined {
  const [, name, value] = /^\s*([a-z]+)\s*=\s*([^#]*)/i.exec(line) ?? [];
  return name?.toLowerCase() === key.toLowerCase() ? value!.trimEnd() : undefined;
}

function commentOf(line: string): string {
  const at = line.indexOf('#');
  return at < 0 ? '' : ` ${line.slice(at)}`;
}
