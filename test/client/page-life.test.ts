import { describe, expect, it } from 'vitest';
import { watchPageLife } from '../../src/client/page-life.ts';

class View extends EventTarget {
  visibilityState: DocumentVisibilityState = 'visible';
}

function watch() {
  const [page, view] = [new EventTarget(), new View()];
  let woken = 0;
  const stop = watchPageLife(
    () => {
      woken++;
    },
    page,
    view,
  );
  /** How often this event wakes. */
  const wakes = (target: EventTarget, type: string, fields: object = {}) => {
    const before = woken;
    target.dispatchEvent(Object.assign(new Event(type), fields));
    return woken - before;
  };
  return { page, view, stop, wakes };
}

describe('the page wakes its engine', () => {
  it('when it is shown, resumed, taken from the cache, or online again', () => {
    const { page, view, wakes } = watch();
    expect(wakes(view, 'visibilitychange')).toBe(1);
    expect(wakes(view, 'resume')).toBe(1);
    expect(wakes(page, 'pageshow', { persisted: true })).toBe(1);
    expect(wakes(page, 'online')).toBe(1);
  });

  it('and not when it is hidden or loaded', () => {
    const { page, view, wakes } = watch();
    view.visibilityState = 'hidden';
    expect(wakes(view, 'visibilitychange')).toBe(0);
    expect(wakes(page, 'pageshow', { persisted: false })).toBe(0);
  });

  it('until it is told to stop', () => {
    const { page, view, stop, wakes } = watch();
    stop();
    const events: [EventTarget, string][] = [
      [view, 'visibilitychange'],
      [view, 'resume'],
      [page, 'pageshow'],
      [page, 'online'],
    ];
    for (const [target, type] of events) expect(wakes(target, type, { persisted: true })).toBe(0);
  });
});
