// A suite's picture: a group of bars for each line, as long as the value is beside the group's largest, with a whisker
// from the least round to the most.
import { type Line, printNumber, type SuiteResult, US } from './report.ts';
import { spreadOf } from './spread.ts';

const LEFT = 250;
const BARS = 420;
const RIGHT = 130;
const ROW = 18;
const GAP = 14;
const TOP = 56;
const OURS = '#2563eb';
const THEIRS = '#94a3b8';

/** An SVG document. */
export function plot(result: SuiteResult): string {
  const parts: string[] = [];
  let y = TOP;
  let host = '';
  for (const line of result.lines) {
    if (line.host !== host) {
      host = line.host;
      parts.push(text(12, y + 12, host, 'font-weight="bold"'));
      y += ROW + 4;
    }
    parts.push(text(LEFT - 8, y - 2, `${line.name} (${line.unit})`, 'text-anchor="end" font-weight="bold"'));
    y += 4;
    for (const name of namesOf(line)) {
      parts.push(bar(line, name, y));
      y += ROW;
    }
    y += GAP;
  }
  const [width, height] = [LEFT + BARS + RIGHT, y];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
${text(12, 24, `${result.suite}: ${result.title}`, 'font-size="16" font-weight="bold"')}
${parts.join('\n')}
</svg>
`;
}

/** Ours first. */
function namesOf({ values }: Line): string[] {
  return Object.keys(values).sort((a, b) => Number(b === US) - Number(a === US));
}

function bar(line: Line, name: string, y: number): string {
  const { median, least, most } = spreadOf(line.values[name]!);
  const largest = Math.max(...Object.values(line.values).map((values) => spreadOf(values).most)) || 1;
  const x = (value: number): string => (LEFT + (value / largest) * BARS).toFixed(1);
  const middle = y + ROW / 2 - 1;
  return [
    text(LEFT - 8, y + 12, name, 'text-anchor="end"'),
    `<rect x="${LEFT}" y="${y + 1}" width="${((median / largest) * BARS).toFixed(1)}" height="${ROW - 4}" fill="${name === US ? OURS : THEIRS}"/>`,
    `<path d="M${x(least)} ${middle}H${x(most)}" stroke="#0f172a"/>`,
    text(LEFT + (most / largest) * BARS + 6, y + 12, printNumber(median)),
  ].join('\n');
}

function text(x: number, y: number, content: string, more = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(0)}" y="${y}" ${more}>${escaped}</text>`;
}
