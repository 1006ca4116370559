import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TicketSeal } from '../../relay/ticket-seal.ts';

const NOW = Date.UTC(2026, 10, 26, 12);
const DAY = 86_400_000;
const text = (bytes: Buffer | undefined) => bytes?.toString();

describe('a sealed ticket', () => {
  const secret = randomBytes(32);
  const sealed = new TicketSeal([secret]).seal(Buffer.from('what it says'), NOW);

  it('is read by every process with the same secret, and by no other', () => {
    expect(text(new TicketSeal([secret]).open(sealed, NOW))).toBe('what it says');
    for (let i = 0; i < 300; i++) expect(new TicketSeal([randomBytes(32)]).open(sealed, NOW)).toBeUndefined();
  });

  it('tells nothing without the secret, and never looks the same twice', () => {
    const seal = new TicketSeal([secret]);
    expect(sealed.toString('latin1')).not.toContain('what');
    expect(seal.seal(Buffer.from('a'), NOW)).not.toEqual(seal.seal(Buffer.from('a'), NOW));
  });

  it('any changed bit, any truncation and anything behind it spoils it', () => {
    const seal = new TicketSeal([secret]);
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(seal.open(changed, NOW), `bit ${bit}`).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length++)
      expect(seal.open(sealed.subarray(0, length), NOW)).toBeUndefined();
    expect(seal.open(Buffer.concat([sealed, Buffer.alloc(1)]), NOW)).toBeUndefined();
  });

  it('whatever is shown instead, nothing is thrown', () => {
    const seal = new TicketSeal([secret]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => seal.open(bytes, NOW) === undefined));
  });

  it('a new secret seals while the old one still opens', () => {
    const fresh = randomBytes(32);
    const both = new TicketSeal([fresh, secret]);
    expect(text(both.open(sealed, NOW))).toBe('what it says');
    expect(text(new TicketSeal([fresh]).open(both.seal(Buffer.from('new'), NOW), NOW))).toBe('new');
    expect(new TicketSeal([secret]).open(both.seal(Buffer.from('new'), NOW), NOW)).toBeUndefined();
  });

  it('the key is another each day and in each process, and the day before yesterday’s is not derived', () => {
    const seal = new TicketSeal([secret]);
    const yesterday = seal.seal(Buffer.from('old'), NOW - DAY);
    expect(text(seal.open(yesterday, NOW))).toBe('old');
    expect(seal.open(yesterday, NOW + DAY)).toBeUndefined();
    const relabelled = Buffer.from(yesterday);
    relabelled.writeUInt16BE(relabelled.readUInt16BE(9) + 1, 9);
    expect(seal.open(relabelled, NOW)).toBeUndefined();
  });
});
