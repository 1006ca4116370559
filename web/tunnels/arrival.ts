/** What a link of ours brings: an invitation, or a tunnel from another device. */
export type Arrival = { kind: 'invite' | 'move'; data: string };

/** Out of a link or its fragment; undefined if it is neither. */
export function readArrival(text: string): Arrival | undefined {
  const [, kind, data] = /#(invite|move)=([\w-]{1,20000})$/.exec(text) ?? [];
  return kind !== undefined && data !== undefined ? { kind: kind as Arrival['kind'], data } : undefined;
}

/** What somebody may be given as a QR code: a configuration, or a link that holds one. */
export function isOffer(text: string): boolean {
  return readArrival(text) !== undefined || /^\s*\[\s*interface\s*\]/im.test(text);
}

export const NO_OFFER = 'This code holds no WireGuard configuration: scan the one that you were given.';
