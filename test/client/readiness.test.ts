import { describe, expect, it } from 'vitest';
import { Readiness } from '../../src/client/readiness.ts';
import { TunnelError } from '../../src/core/errors.ts';

const A = `${'A'.repeat(43)}=`;
const B = `${'B'.repeat(42)}A=`;
const silence = new TunnelError('ERR_HANDSHAKE_TIMEOUT', 'no answer', {
  retryable: true,
  peer: A,
  leg: 'peer',
});
const refused = new TunnelError('ERR_RELAY_ORIGIN', 'not this page', { leg: 'relay' });

describe('ready', () => {
  it('resolves with the first handshake with any peer', async () => {
    const readiness = new Readiness();
    const { any } = readiness;
    readiness.handshake(B);
    await expect(any).resolves.toBeUndefined();
  });

  it('rejects with what went wrong, and is a new promise afterwards that a later handshake resolves', async () => {
    const readiness = new Readiness();
    const first = readiness.any;
    readiness.failed(silence);
    await expect(first).rejects.toBe(silence);
    const second = readiness.any;
    readiness.handshake(A);
    await expect(second).resolves.toBeUndefined();
    await expect(readiness.any).resolves.toBeUndefined();
  });

  it('tells whoever asks first what went wrong before, and nobody after', async () => {
    const readiness = new Readiness();
    readiness.failed(new TunnelError('ERR_RELAY_UNREACHABLE', 'no answer', { leg: 'relay' }));
    readiness.failed(refused);
    await expect(readiness.any).rejects.toBe(refused);
    const second = readiness.any;
    readiness.handshake(A);
    await expect(second).resolves.toBeUndefined();
  });

  it('tells whoever asks first for a peer what went wrong with it before', async () => {
    const readiness = new Readiness();
    readiness.failed(refused);
    await expect(readiness.of(A)).rejects.toBe(refused);
    const again = readiness.of(A);
    readiness.handshake(A);
    await expect(again).resolves.toBeUndefined();
  });

  it('tells nobody of silence before: the next try may be answered', async () => {
    const readiness = new Readiness();
    readiness.failed(silence);
    const waiting = [readiness.any, readiness.of(A)];
    readiness.handshake(A);
    await expect(Promise.all(waiting)).resolves.toEqual([undefined, undefined]);
  });

  it('tells nobody of a relay that is reached again', async () => {
    const readiness = new Readiness();
    readiness.failed(refused);
    readiness.reachesRelay();
    const waiting = [readiness.any, readiness.of(A)];
    readiness.handshake(A);
    await expect(Promise.all(waiting)).resolves.toEqual([undefined, undefined]);
  });

  it('stays resolved when something goes wrong later', async () => {
    const readiness = new Readiness();
    readiness.handshake(A);
    readiness.failed(silence);
    await expect(readiness.any).resolves.toBeUndefined();
  });

  it('tells those who wait for one peer of that peer only', async () => {
    const readiness = new Readiness();
    const a = readiness.of(A);
    const b = readiness.of(B);
    readiness.failed(silence);
    await expect(a).rejects.toBe(silence);
    readiness.handshake(B);
    await expect(b).resolves.toBeUndefined();
  });

  it('is refused for what is no key', async () => {
    await expect(new Readiness().of('nonsense')).rejects.toMatchObject({ code: 'ERR_CONFIG' });
  });

  it('rejects for good when the tunnel ends', async () => {
    const readiness = new Readiness();
    const closed = new TunnelError('ERR_CLOSED', 'closed');
    readiness.ended(closed);
    await expect(readiness.any).rejects.toBe(closed);
    await expect(readiness.of(A)).rejects.toBe(closed);
  });

  it('lets a waiter go when its signal aborts', async () => {
    const controller = new AbortController();
    const waiting = new Readiness().of(A, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
