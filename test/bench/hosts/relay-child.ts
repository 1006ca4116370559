// The real relay, as built, in a process of its own; prints "listening". Its one argument is JSON.
import { DownQueue } from '../../../src/core/queue/down-queue.ts';
import { createRelay, type RelayOptions } from '../../../src/relay-host/index.ts';

export interface BenchRelayOptions extends RelayOptions {
  /** One datagram a message, which no relay of ours does. */
  isUnbatched?: boolean;
}

const { isUnbatched, ...options } = JSON.parse(process.argv[2]!) as BenchRelayOptions;
if (isUnbatched) {
  const { fill } = DownQueue.prototype;
  DownQueue.prototype.fill = function (message, room, now) {
    return fill.call(this, message, Math.min(room, 1), now);
  };
}
await createRelay(options).listen();
console.log('listening');
