import { describe, expect, it } from 'vitest';
import { RequestWindow } from '../../../web/ssh/request-window.ts';

interface Way {
  /** Milliseconds there and back when nobody is before us. */
  delay: number;
  /** Milliseconds for which one request occupies the narrowest place. */
  work: number;
}

/** Sends for so many milliseconds; what was answered in the second half of them, and how long it had waited at most. */
function transfer({ delay, work }: Way, milliseconds: number) {
  const window = new RequestWindow();
  const onTheWay: { sentAt: number; answeredAt: number }[] = [];
  let freeAt = 0;
  let answers = 0;
  let longest = 0;
  let most = 0;
  for (let now = 0; now < milliseconds; ) {
    while (window.hasRoom()) {
      window.sent();
      freeAt = Math.max(now, freeAt) + work;
      onTheWay.push({ sentAt: now, answeredAt: freeAt + delay });
    }
    most = Math.max(most, onTheWay.length);
    const { sentAt, answeredAt } = onTheWay.shift()!;
    now = answeredAt;
    window.answered(now - sentAt);
    if (now < milliseconds / 2) continue;
    answers++;
    longest = Math.max(longest, now - sentAt - delay - work);
  }
  return { use: (answers * work) / (milliseconds / 2), longest, most };
}

describe('the requests of a transfer', () => {
  it.each([
    { delay: 0.5, work: 1 },
    { delay: 1, work: 3 },
    { delay: 20, work: 1 },
    { delay: 40, work: 2 },
    { delay: 60, work: 1 },
  ])('keep a way of $delay ms busy ($work ms each), and nobody behind them waits long', (way) => {
    const { use, longest } = transfer(way, 20_000);
    expect(use).toBeGreaterThan(0.95);
    expect(longest).toBeLessThan(12 + way.delay / 2);
  });

  it('are three while somebody types, and no sudden crowd afterwards', () => {
    const window = new RequestWindow();
    const fill = (isTyping: boolean) => {
      let sent = 0;
      for (; window.hasRoom(isTyping); sent++) window.sent();
      return sent;
    };
    fill(false);
    for (let i = 0; i < 10; i++) {
      window.answered(5);
      fill(false);
    }
    expect(window.hasRoom(true)).toBe(false);
    let waiting = 12;
    for (let i = 0; i < 1000; i++) {
      window.answered(5);
      waiting += fill(true) - 1;
    }
    expect(waiting).toBe(RequestWindow.POLITE);
    expect(fill(false)).toBeLessThan(12);
  });

  it('are never more than 64, and never fewer than two', () => {
    expect(transfer({ delay: 1000, work: 0.1 }, 60_000).most).toBe(64);
    expect(transfer({ delay: 1, work: 200 }, 60_000).most).toBeLessThan(6);
    expect(transfer({ delay: 1, work: 200 }, 60_000).use).toBeGreaterThan(0.95);
  });
});
