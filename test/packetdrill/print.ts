// Segments in the script's own notation, for people to compare.
import type { TcpOption } from './script.ts';

export interface PrintedSegment {
  readonly flags: string;
  readonly sequence: number;
  readonly length: number;
  readonly acknowledgment: number | undefined;
  readonly window: number | undefined;
  readonly urgent: number;
  readonly options: TcpOption[] | 'any';
}

export function printSegment(segment: PrintedSegment): string {
  const { flags, sequence, length, acknowledgment, window, urgent, options } = segment;
  const start = sequence >>> 0;
  let text = `${printFlags(flags)} ${start}:${(start + length) >>> 0}(${length})`;
  if (acknowledgment !== undefined) text += ` ack ${acknowledgment >>> 0}`;
  if (window !== undefined) text += ` win ${window}`;
  if (urgent !== 0) text += ` urg ${urgent}`;
  if (options === 'any') return `${text} <...>`;
  return options.length > 0 ? `${text} <${options.map(printOption).join(',')}>` : text;
}

/** The dot last, as scripts have it. */
export function printFlags(flags: string): string {
  if (flags === '') return '-';
  return flags.includes('.') ? `${flags.replace('.', '')}.` : flags;
}

export function printOption(option: TcpOption): string {
  switch (option.kind) {
    case 'mss':
    case 'wscale':
      return `${option.kind} ${option.value}`;
    case 'TS':
      return `TS val ${option.value >>> 0} ecr ${option.echo >>> 0}`;
    case 'sack':
      return `sack ${option.blocks.map(({ start, end }) => `${start >>> 0}:${end >>> 0}`).join(' ')}`;
    case 'FO':
    case 'FOEXP':
    case 'md5':
      return `${option.kind} ${option.bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    default:
      return option.kind;
  }
}
