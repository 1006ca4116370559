/**
 * Without the spaces and tabs around it, which are no part of a field's value (RFC 9110 §5.5). JavaScript's `trim` takes off
 * more than that, so that we would see `chunked` where a parser does not; and a regular expression takes a second for sixty
 * thousand spaces in the middle.
 */
export function trimmedValue(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09;
}
