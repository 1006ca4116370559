// Node's process.nextTick where there is no Node: after what runs now, before timers and messages.
import pageProcess from 'process/browser.js';

interface Call {
  run: (...args: unknown[]) => void;
  args: unknown[];
}

const waiting: Call[] = [];
let isScheduled = false;

function nextTickInPage(run: (...args: never[]) => void, ...args: unknown[]): void {
  waiting.push({ run: run as Call['run'], args });
  if (isScheduled) return;
  isScheduled = true;
  queueMicrotask(runAll);
}

/** Also what they add meanwhile. One that throws is reported as any error is, and the others have their turn. */
function runAll(): void {
  try {
    for (let call = waiting.shift(); call; call = waiting.shift()) call.run(...call.args);
  } finally {
    isScheduled = waiting.length > 0;
    if (isScheduled) queueMicrotask(runAll);
  }
}

// readable-stream takes its ticks in a page from the package `process`, whose are timers of 0 ms: a page counts those as
// 4 ms, and as a second when nobody looks at it.
pageProcess.nextTick = nextTickInPage;

const nodes = (globalThis as { process?: { release?: { name?: string }; nextTick?: typeof nextTickInPage } })
  .process;

export const nextTick: (run: (...args: never[]) => void, ...args: unknown[]) => void =
  nodes?.release?.name === 'node' && nodes.nextTick ? nodes.nextTick : nextTickInPage;
