/** What is pasted may carry more than it shows: control characters are taken out, and several lines are asked about. */

export interface Paste {
  text: string;
  lines: number;
}

/** Line ends become those of the Enter key; everything else that a terminal obeys is gone. */
export function cleanPaste(text: string): Paste {
  const clean = text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\t\n]/gu, '')
    .replace(/\n/g, '\r');
  return { text: clean, lines: clean.split('\r').length };
}
