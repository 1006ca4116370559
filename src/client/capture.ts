import type { CaptureMessage } from '../bridge/api.ts';
import type { EngineClient } from './engine-client.ts';
import { toOptionalUnsignedLong } from './web-idl.ts';

/** Milliseconds in which the last bytes must come after the tunnel has ended. */
const END_GRACE = 100;

/** What `tunnel.capture` records. */
export interface CaptureOptions {
  /** Bytes that are kept of each packet; default: all. */
  snaplen?: number;
  /**
   * Which packets: `tcp`, `udp` or `icmp`, `host ADDRESS` (or a prefix), `port NUMBER`, of either end; all that are given
   * must hold, as in `"tcp and host 10.0.0.5 and port 443"`. Default: all packets.
   */
  filter?: string;
}

/**
 * The inner packets from now on, as a pcapng file (draft-ietf-opsawg-pcapng) that Wireshark opens: each with its direction,
 * and with a comment where our stack dropped it. It ends with the tunnel, or when it is cancelled. A reader that is slow
 * loses packets beyond 4 MiB, which the file says.
 */
export function capture(
  engine: EngineClient,
  options: CaptureOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const request = {
    snaplen: toOptionalUnsignedLong(options.snaplen, 'snaplen', 1) ?? 0,
    filter: String(options.filter ?? ''),
  };
  const { near, far } = engine.openChannel();
  let asked: (() => void) | undefined;
  let isOver = false;
  let forget = () => {};
  const over = () => {
    isOver = true;
    forget();
    near.close();
    asked?.();
  };
  const finish = (controller: ReadableStreamDefaultController, error?: unknown) => {
    if (isOver) return;
    if (error === undefined) controller.close();
    else controller.error(error);
    over();
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start: async (controller) => {
        near.onmessage = ({ data }: MessageEvent<CaptureMessage>) => {
          if (data.type !== 'chunk' && data.type !== 'end') return;
          if (data.bytes.length > 0) controller.enqueue(data.bytes);
          if (data.type === 'chunk') return asked?.();
          controller.close();
          over();
        };
        forget = engine.onDeath((error) => {
          if (error.code !== 'ERR_CLOSED') finish(controller, error);
          // What was recorded last may still be on its way.
          else setTimeout(() => isOver || finish(controller), END_GRACE);
        });
        await engine.call((api) => api.capture(request, far));
      },
      pull: () =>
        new Promise<void>((resolve) => {
          if (isOver) return resolve();
          asked = resolve;
          near.postMessage({ type: 'pull' } satisfies CaptureMessage);
        }),
      cancel: () => {
        near.postMessage({ type: 'close' } satisfies CaptureMessage);
        over();
      },
    },
    { highWaterMark: 0 },
  );
}
