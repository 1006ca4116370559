const LIMIT = 400;

/**
 * A server's words on one line, without what a page or a terminal could mistake for more (control characters, what turns
 * the direction of writing, what is invisible); and not a book of them.
 */
export function clean(text: string): string {
  return text
    .replace(/[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu, ' ')
    .trim()
    .slice(0, LIMIT);
}
