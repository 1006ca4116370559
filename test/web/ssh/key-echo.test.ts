import { beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyEcho } from '../../../web/ssh/key-echo.ts';

describe('who waits for a key to be shown', () => {
  beforeEach(() => void vi.useFakeTimers());

  it('waits until something has come, and then until it is drawn', async () => {
    const keys = new KeyEcho();
    expect(keys.shown).toBeUndefined();
    keys.typed();
    const shown = keys.shown!;
    keys.drawn();
    expect(keys.shown).toBe(shown);
    keys.came();
    expect(keys.shown).toBe(shown);
    keys.drawn();
    expect(keys.shown).toBeUndefined();
    await shown;
    keys.typed();
    keys.drawn();
    expect(keys.shown).toBeDefined();
  });

  it('types for a second after each key', () => {
    const keys = new KeyEcho();
    expect(keys.isTyping).toBe(false);
    for (let i = 0; i < 3; i++) {
      keys.typed();
      vi.advanceTimersByTime(900);
      expect(keys.isTyping).toBe(true);
    }
    vi.advanceTimersByTime(200);
    expect(keys.isTyping).toBe(false);
  });

  it('waits 80 ms and no more for what is not shown, and leaves transfers three quarters of the time', () => {
    const keys = new KeyEcho();
    let waited = 0;
    for (let ms = 0; ms < 3200; ms++) {
      keys.typed();
      if (keys.shown) waited++;
      vi.advanceTimersByTime(1);
    }
    expect(waited).toBe(800);
  });
});
