/** Edits and readings of the configuration as text; parsing itself is the library's. All pure. */

export type TokenKind = 'plain' | 'section' | 'key' | 'sign' | 'value' | 'comment' | 'secret';

export interface Token {
  kind: TokenKind;
  text: string;
}

/** In characters: several hundred peers, and less than what would make the page stand still with every key. */
export const TEXT_LIMIT = 100_000;

const SECRET_LINE = /^(\s*#?\s*(?:private|preshared)key\s*=\s*)(\S+)(.*)$/i;

/** Splits one line for colouring; the texts joined are the line again. Key material is `secret`, also in a comment. */
export function tokenizeLine(line: string): Token[] {
  const secret = SECRET_LINE.exec(line);
  if (secret) {
    const [, before, value, after] = secret as unknown as [string, string, string, string];
    return [...tokenizeLine(before), { kind: 'secret', text: value }, ...tokenizeLine(after)];
  }
  const comment = line.indexOf('#');
  if (comment > 0) return [...tokenizeLine(line.slice(0, comment)), ...tokenizeLine(line.slice(comment))];
  if (comment === 0) return [{ kind: 'comment', text: line }];
  if (/^\s*\[.*\]\s*$/.test(line)) return [{ kind: 'section', text: line }];
  const sign = line.indexOf('=');
  if (sign < 0) return line === '' ? [] : [{ kind: 'plain', text: line }];
  const tokens: Token[] = [
    { kind: 'key', text: line.slice(0, sign) },
    { kind: 'sign', text: '=' },
    { kind: 'value', text: line.slice(sign + 1) },
  ];
  return tokens.filter((token) => token.text !== '');
}

/**
 * The text with this private key: in place of the one in its [Interface] section, else as that section's first line,
 * else with the frame of a new configuration around it.
 */
export function setPrivateKey(text: string, privateKey: string): string {
  if (text.trim() === '') return newConfiguration(privateKey);
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^\s*\[\s*interface\s*\]/i.test(line));
  if (start < 0) return `[Interface]\nPrivateKey = ${privateKey}\n\n${text}`;
  const next = lines.findIndex((line, index) => index > start && /^\s*\[/.test(line));
  const end = next < 0 ? lines.length : next;
  const existing = lines.findIndex(
    (line, index) => index > start && index < end && /^\s*privatekey\s*=/i.test(line),
  );
  if (existing >= 0) lines[existing] = `PrivateKey = ${privateKey}`;
  else lines.splice(start + 1, 0, `PrivateKey = ${privateKey}`);
  return lines.join('\n');
}

/** The text without its private key, wherever that stands, in a comment too. */
export function withoutPrivateKey(text: string): string {
  const { privateKey } = readOurselves(text);
  const lines = text.split('\n').filter((line) => !/^\s*#?\s*privatekey\s*=/i.test(line));
  const rest = lines.join('\n');
  return privateKey === undefined ? rest : rest.replaceAll(privateKey, '');
}

/** What can be said about ourselves also while the rest of the text is still unfinished. */
export function readOurselves(text: string): { privateKey: string | undefined; addresses: string[] } {
  const own = text.split(/^\s*\[\s*peer\s*\]/im)[0]!;
  const values = (name: string) =>
    [...own.matchAll(new RegExp(`^\\s*${name}\\s*=\\s*([^#\\n]*)`, 'gim'))].map((match) => match[1]!.trim());
  const privateKey = values('privatekey').at(-1);
  return {
    privateKey: privateKey !== undefined && /^[A-Za-z0-9+/]{43}=$/.test(privateKey) ? privateKey : undefined,
    addresses: values('address')
      .flatMap((value) => value.split(','))
      .map((value) => value.trim())
      .filter((value) => /^[0-9a-f.:]+(\/\d+)?$/i.test(value)),
  };
}

/** Our addresses as the server should route them to us: one host each. */
export function hostRoutes(addresses: string[]): string[] {
  return addresses.map((address) => {
    const host = address.split('/')[0]!;
    return `${host}/${host.includes(':') ? 128 : 32}`;
  });
}

/** What to add to the server's configuration file so that it knows us. */
export function serverStanza(publicKey: string, addresses: string[], hasPresharedKey = false): string {
  return [
    '[Peer]',
    `PublicKey = ${publicKey}`,
    ...(hasPresharedKey ? ['# PresharedKey = the same as in this configuration'] : []),
    `AllowedIPs = ${routesOrBlank(addresses).join(', ')}`,
  ].join('\n');
}

/** The same at once, on a running server. */
export function serverCommand(publicKey: string, addresses: string[]): string {
  return `wg set <interface> peer ${publicKey} allowed-ips ${routesOrBlank(addresses).join(',')}`;
}

function routesOrBlank(addresses: string[]): string[] {
  return addresses.length > 0 ? hostRoutes(addresses) : ['<address of this page>/32'];
}

function newConfiguration(privateKey: string): string {
  return `[Interface]
PrivateKey = ${privateKey}
Address = 

[Peer]
PublicKey = 
Endpoint = 
AllowedIPs = 
PersistentKeepalive = 25
`;
}
