/** What an answer's body is shown as. Never as a page: what a server sends is text here. */

export interface BodyText {
  kind: 'json' | 'text' | 'binary' | 'empty';
  /** Of JSON, laid out; of text, as it came; of neither, nothing. */
  text: string;
  /** There is more than is shown. */
  isCut: boolean;
}

/** Longer than this, laying it out would hold up the page, and nobody reads it here. */
const SHOWN = 200_000;
/** JSON of this size is still laid out. */
const LAID_OUT = 2_000_000;

/** @param type as the Content-Type says */
export async function readBody(blob: Blob, type: string): Promise<BodyText> {
  if (blob.size === 0) return { kind: 'empty', text: '', isCut: false };
  if (isJson(type) && blob.size <= LAID_OUT) {
    const pretty = prettyJson(await blob.text());
    if (pretty !== undefined) return { kind: 'json', ...cut(pretty) };
  }
  const text = await textOf(blob.slice(0, SHOWN * 4), blob.size > SHOWN * 4);
  if (text === undefined) return { kind: 'binary', text: '', isCut: false };
  const pretty = blob.size <= LAID_OUT && /^\s*[[{]/.test(text) ? prettyJson(await blob.text()) : undefined;
  if (pretty !== undefined) return { kind: 'json', ...cut(pretty) };
  const shown = cut(text);
  return { kind: 'text', text: shown.text, isCut: shown.isCut || blob.size > SHOWN * 4 };
}

/** Undefined if it is not JSON. */
export function prettyJson(text: string): string | undefined {
  try {
    // Numbers that a double cannot hold would come out changed: then it stays as it came.
    const value: unknown = JSON.parse(text);
    return hasLongNumbers(text) ? text : JSON.stringify(value, undefined, 2);
  } catch {
    return undefined;
  }
}

function hasLongNumbers(text: string): boolean {
  return /[:[,\s]-?\d[\d.]{15,}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
}

function isJson(type: string): boolean {
  return /^[^;]*[/+]json\b/i.test(type);
}

/** Undefined for bytes that are no text. */
async function textOf(part: Blob, isPart: boolean): Promise<string | undefined> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await part.arrayBuffer(), {
      stream: isPart,
    });
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

function cut(text: string): { text: string; isCut: boolean } {
  return { text: text.slice(0, SHOWN), isCut: text.length > SHOWN };
}
