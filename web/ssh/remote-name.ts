/** Names of files as a server tells them: anybody who may write there has chosen them, and none is believed. */

/** No file system has longer ones; a server could. */
const SHOWN = 255;
/**
 * What has no sign of its own, or moves its neighbours: controls, formats (with what turns the direction of writing), ends of
 * lines, halves of characters. The two joiners are letters' business, but beside ASCII they only hide.
 */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?<![^\0-\x7f])[\u200c\u200d]/gu;

/** For people to read: two names that differ look different. */
export function shownName(name: string): string {
  const cut = name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name;
  return cut.replace(UNSEEN, sign);
}

function sign(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `⟨${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** Whether it can be the name of something in a folder: a path cannot. */
export function isEntryName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
}

/** Bytes that remain the same in every file system, with room for what a browser appends. */
const FILE_NAME_BYTES = 200;
/** Devices under Windows, whatever their ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

/** Under which a download may lie in any folder of any machine: no path, not hidden, nothing in it that is not seen. */
export function safeFileName(name: string): string {
  const plain = name
    .split(/[/\\]/)
    .at(-1)!
    .replace(UNSEEN, '')
    .replace(/[<>:"|?*]/g, '_')
    .replace(/^[.\s]+/, (dots) => '_'.repeat(dots.length))
    .replace(/[.\s]+$/, '')
    .replace(DEVICE, '_$1');
  return shortened(plain) || 'file';
}

/** The ending stays: it says with what the file is opened. */
function shortened(name: string): string {
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : '';
  let stem = [...name.slice(0, name.length - ending.length)];
  if (stem.length > FILE_NAME_BYTES) stem = stem.slice(0, FILE_NAME_BYTES);
  const encoder = new TextEncoder();
  while (encoder.encode(stem.join('') + ending).length > FILE_NAME_BYTES) stem.pop();
  return stem.join('') + ending;
}
