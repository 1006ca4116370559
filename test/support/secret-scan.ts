// Looks for secrets in a text, in whatever form they may stand there.

export interface Secret {
  name: string;
  /** As it is; of what is text, its UTF-8. */
  bytes: Uint8Array;
}

/** So many bytes of a secret are as bad as all of it: 12 characters of base64. */
const BEGINNING = 9;

/** Which of those secrets stand in a text, if only with their beginnings, and how they are written there. */
export function secretsIn(text: string, secrets: readonly Secret[]): string[] {
  const lower = text.toLowerCase();
  return secrets.flatMap(({ name, bytes }) =>
    Object.entries(notationsOf(bytes.subarray(0, BEGINNING)))
      .filter(([notation, written]) => (notation === 'hex' ? lower : text).includes(written))
      .map(([notation]) => `${name}, as ${notation}`),
  );
}

function notationsOf(secret: Uint8Array): Record<string, string> {
  const bytes = Buffer.from(secret);
  return {
    text: bytes.toString('latin1'),
    hex: bytes.toString('hex'),
    base64: bytes.toString('base64'),
    base64url: bytes.toString('base64url'),
    numbers: bytes.join(','),
    'part of a URL': encodeURIComponent(bytes.toString('latin1')),
  };
}

/** What looks like a secret, whoever's it is: tokens, and 32 bytes in base64 or hexadecimal that are none of the known ones. */
export function shapesOfSecrets(text: string, known: readonly string[]): string[] {
  const tokens = text.match(/eyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]+)?|bearer\W+[\w.-]{8,}/gi) ?? [];
  const keys = text.match(/(?<![\w+/])[\w+/-]{43}=|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/gi) ?? [];
  return [...tokens, ...keys.filter((key) => !known.includes(key))];
}
