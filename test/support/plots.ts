import { expect, type Locator } from '@playwright/test';

/**
 * How far up its plot the curve reaches that stands at this place in the legend, as a share of the canvas: undefined if nothing
 * has its colour.
 */
export function reachOf(figure: Locator, place: number): Promise<number | undefined> {
  return figure.evaluate((element, at) => {
    const { color } = getComputedStyle(element.querySelector(`.plot-ink-${at}`)!);
    const brush = document.createElement('canvas').getContext('2d')!;
    brush.fillStyle = color;
    brush.fillRect(0, 0, 1, 1);
    const ink = brush.getImageData(0, 0, 1, 1).data;
    const { width, height } = element.querySelector('canvas')!;
    const { data } = element.querySelector('canvas')!.getContext('2d')!.getImageData(0, 0, width, height);
    // A line between two rows of pixels covers neither of them wholly.
    const isInk = (i: number) =>
      data[i + 3]! > 120 && [0, 1, 2].every((part) => Math.abs(data[i + part]! - ink[part]!) < 24);
    for (let i = 0; i < data.length; i += 4) if (isInk(i)) return 1 - Math.floor(i / 4 / width) / height;
    return undefined;
  }, place);
}

/** All four plots of the instruments have curves. `throughput`: which of its two was loaded; that one is high. */
export async function expectCurves(panel: Locator, { throughput }: { throughput: 0 | 1 }): Promise<void> {
  for (const [title, place, least] of [
    ['Throughput', throughput, 0.5],
    ['Round trip', 2, 0.1],
    ['Retransmits', 0, 0.1],
    ['Queue to the relay', 0, 0.1],
  ] as const) {
    const figure = panel.getByRole('figure').filter({ hasText: title });
    await expect.poll(() => reachOf(figure, place), title).toBeGreaterThan(least);
  }
}
