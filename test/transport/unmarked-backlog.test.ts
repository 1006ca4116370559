import { describe, expect, it } from 'vitest';
import { UnmarkedBacklog } from '../../src/transport/unmarked-backlog.ts';

const KIB = 1024;
const DATAGRAM = 1452;
/** How often a way out that is full is looked at. */
const LOOK = 4;

/** A WebSocket that sends so many bytes per ms, and whoever fills it whenever it is not full. */
class Upload {
  rate = 0;
  waits = 0;
  /** Bytes that `bufferedAmount` never loses although they have left. */
  lost = 0;
  most = 0;
  sent = 0;
  now = 1000;
  readonly backlog: UnmarkedBacklog;

  constructor() {
    const waiting = () => this.waits + this.lost;
    const socket = {
      get bufferedAmount() {
        return waiting();
      },
    };
    this.backlog = new UnmarkedBacklog(socket, () => this.now);
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += LOOK) {
      this.waits = Math.max(0, this.waits - Math.floor((this.rate * LOOK) / DATAGRAM) * DATAGRAM);
      this.fill();
    }
  }

  fill(): void {
    while (!this.backlog.isFull) {
      this.waits += DATAGRAM;
      this.sent += DATAGRAM;
      this.backlog.sent();
      this.most = Math.max(this.most, this.waits);
    }
  }
}

describe('what waits in a WebSocket without marks', () => {
  it('is 128 KiB at most, and half of that when data goes on', () => {
    const upload = new Upload();
    upload.fill();
    expect(upload.backlog.bytes).toBeGreaterThan(128 * KIB);
    expect(upload.backlog.bytes).toBeLessThanOrEqual(128 * KIB + DATAGRAM);
    upload.waits = 64 * KIB + 1;
    expect(upload.backlog.isFull).toBe(true);
    upload.waits = 64 * KIB;
    expect(upload.backlog.isFull).toBe(false);
  });

  it('is not what stays when what was sent behind it leaves: that is forgotten after two seconds', () => {
    const upload = new Upload();
    upload.rate = 1000;
    upload.lost = 130 * KIB;
    upload.run(1900);
    expect(upload.sent).toBeLessThan(10 * DATAGRAM);
    upload.run(1200);
    expect(upload.sent).toBeGreaterThan(500_000);
    expect(upload.backlog.bytes).toBeLessThanOrEqual(upload.waits);
    expect(upload.backlog.isFull && upload.waits < 64 * KIB).toBe(false);
  });

  it('is not forgotten for good: messages that are taken off late are not taken off twice', () => {
    const upload = new Upload();
    upload.rate = 1000;
    upload.lost = 130 * KIB;
    upload.run(3000);
    upload.lost = upload.waits = 0;
    expect(upload.backlog.bytes).toBe(0);
    upload.waits = 100 * KIB;
    expect(upload.backlog.bytes).toBe(100 * KIB);
  });

  it('is forgotten again and again', () => {
    const upload = new Upload();
    upload.rate = 1000;
    for (let i = 0; i < 6; i++) {
      upload.fill();
      const message = Math.min(upload.waits, i % 2 ? 61_009 : 65_371);
      upload.waits -= message;
      upload.lost += message;
      const before = upload.sent;
      upload.run(4000);
      expect(upload.sent - before).toBeGreaterThan(1_000_000);
    }
  });

  it('never grows while the link stands still, but by one datagram', () => {
    const upload = new Upload();
    upload.run(600_000);
    expect(upload.most).toBeLessThanOrEqual(128 * KIB + 2 * DATAGRAM);
  });

  it.each([
    ['in steps of some seconds', 2, 6000],
    ['slowly', 3, LOOK],
  ])('never grows where the link moves %s', (_how, rate, step) => {
    const upload = new Upload();
    for (let at = 0; at < 300_000; at += step) {
      upload.rate = 0;
      upload.run(step);
      upload.waits = Math.max(0, upload.waits - Math.ceil((rate * step) / DATAGRAM) * DATAGRAM);
    }
    expect(upload.most).toBeLessThanOrEqual(128 * KIB + 2 * DATAGRAM);
  });
});
