// A client whose token is still being judged: what it sends meanwhile is kept, and bounded.
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { Newcomer } from '../../relay/newcomer.ts';
import { AUTH, CONTROL_CHANNEL, RecordWriter, writeControl } from '../../src/core/wire/relay.ts';

/** The largest sum, in bytes, and what each message costs beside them. */
const MOST = 128 * 1024;
const OVERHEAD = 128;

function newcomer() {
  let ended = 0;
  const socket = Object.assign(new EventEmitter(), { terminate: () => ended++ });
  const subject = new Newcomer(socket as unknown as WebSocket, 1000);
  const send = (message: Uint8Array) => socket.emit('message', Buffer.from(message), true);
  const show = (): void => {
    const record = new RecordWriter(new Uint8Array(100));
    record.append(CONTROL_CHANNEL, writeControl({ type: AUTH, token: 'token' }));
    send(record.bytes.subarray(0, record.end));
  };
  return { subject, socket, send, show, ended: () => ended };
}

describe('who has shown a token that is being judged', () => {
  it.each([40_000, 1000, 1])('is kept waiting with 128 KiB at most, in messages of %i bytes', (size) => {
    const { subject, send, show, ended } = newcomer();
    show();
    const most = Math.floor(MOST / (size + OVERHEAD));
    for (let n = 0; n < most; n++) send(new Uint8Array(size));
    expect(ended()).toBe(0);
    expect(subject.takeEarly()).toHaveLength(most);
    const other = newcomer();
    other.show();
    for (let n = 0; n <= most; n++) other.send(new Uint8Array(size));
    expect(other.ended()).toBe(1);
  });

  it('loses nothing of what it sent, also behind the token in one message', async () => {
    const { subject, socket, send, ended } = newcomer();
    const record = new RecordWriter(new Uint8Array(200));
    record.append(CONTROL_CHANNEL, writeControl({ type: AUTH, token: 'token' }));
    const rest = record.end;
    record.append(1, Uint8Array.of(7, 8));
    send(record.bytes.subarray(0, record.end));
    send(Uint8Array.of(9));
    expect(await subject.credential).toBe('token');
    const early = subject.takeEarly();
    expect(early.map((message) => [...message])).toEqual([[...record.bytes.subarray(rest, record.end)], [9]]);
    // From here on, messages are the session's.
    send(Uint8Array.of(10));
    expect([early.length, ended(), socket.listenerCount('message')]).toEqual([2, 0, 0]);
  });
});
