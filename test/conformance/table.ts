import { join } from 'node:path';
import type { Requirement, RfcDocument } from './requirement.ts';

const root = join(import.meta.dirname, '../..');
export const TABLE: string = join(root, 'test/conformance.md');
export const README: string = join(root, 'src/core/netstack/README.md');

const BEGIN = '<!-- deviations -->\n';
const END = '<!-- end of deviations -->';

const INTRODUCTION = `# Conformance

What the RFCs demand of a host's IP stack, section by section, where \`src/core\` does it and which test proves it. Made
from \`test/conformance/requirements/\` by \`npm run conformance\`; a test fails when a file or a test
named here does not exist, when a MUST has neither a test nor a reason, or when this page is not what the lists say.
The reasons are collected in \`src/core/netstack/README.md\`.
`;

/** conformance.md. */
export function conformanceTable(documents: readonly RfcDocument[]): string {
  const parts = [INTRODUCTION, summary(documents)];
  for (const { name, title, requirements } of documents) {
    parts.push(`\n## ${name}: ${title}\n`);
    parts.push('| § | | what | where | test |\n| --- | --- | --- | --- | --- |');
    for (const requirement of requirements) parts.push(rowOf(requirement));
  }
  return `${parts.join('\n')}\n`;
}

/** The stack's README with its list of deviations as it should be. Throws where the README has no place for it. */
export function withDeviations(readme: string, documents: readonly RfcDocument[]): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`no place between ${BEGIN.trim()} and ${END} in the README`);
  return `${readme.slice(0, begin)}${BEGIN}${deviationsList(documents)}${readme.slice(end)}`;
}

/** One line for each reason, with all that it is the reason for. */
function deviationsList(documents: readonly RfcDocument[]): string {
  const byReason = new Map<string, string[]>();
  for (const { name, requirements } of documents)
    for (const { section, level, says, deviation } of requirements) {
      if (deviation === undefined) continue;
      const those = byReason.get(deviation) ?? [];
      byReason.set(deviation, [...those, `${name} §${section}, ${level}: “${says}”`]);
    }
  return [...byReason].map(([reason, those]) => `- ${reason} (${those.join(' ')})\n`).join('');
}

function summary(documents: readonly RfcDocument[]): string {
  const lines = ['| | met, with test | deviations | not applicable |', '| --- | --- | --- | --- |'];
  const all = documents.flatMap(({ requirements }) => requirements);
  for (const level of ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY'] as const) {
    const those = all.filter((requirement) => requirement.level === level);
    const count = (test: (requirement: Requirement) => boolean) => those.filter(test).length;
    const isMet = ({ deviation, absent }: Requirement) => deviation === undefined && absent === undefined;
    const deviations = count(({ deviation }) => deviation !== undefined);
    const absent = count((requirement) => requirement.absent !== undefined);
    lines.push(`| ${level} | ${count(isMet)} | ${deviations} | ${absent} |`);
  }
  return lines.join('\n');
}

function rowOf({ id, section, level, says, by, tests, deviation, absent }: Requirement): string {
  const name = id === '' ? level : id;
  const where = by.map((file) => `\`${file}\``).join(' ');
  const proof = tests.map((test) => test.replace(' › ', ': ')).join('<br>');
  const reason = deviation ? `*Deviation.* ${deviation}` : absent ? `*Not applicable.* ${absent}` : '';
  const last = [reason, proof].filter((part) => part !== '').join('<br>');
  return `| ${section} | ${name} | ${escaped(says)} | ${where} | ${escaped(last)} |`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<SEQ', '&lt;SEQ');
}
