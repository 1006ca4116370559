// A conversation of our stack as text: what came in, when, what the application called, and what left.
//
//   {"name":…}          the session (SessionOptions), and what it is
//   @12345              the clock, in µs; it stands until the next
//   <BASE64 P12,1368    a packet came: its beginning, then 1,368 bytes that count up from 12 modulo 251 (Z: that are 0)
//   >…                  the same for one that left
//   .                   the stack was polled
//   !CALL = RESULT      the application's (session.ts)

export type TraceEvent =
  | { kind: '@'; microseconds: number }
  | { kind: '<' | '>'; packet: Uint8Array }
  | { kind: '.' }
  | { kind: '!'; call: string; result: string };

const PERIOD = 251;
/** Shorter ones are not worth a word. */
const LEAST_RUN = 16;

export function printEvent(event: TraceEvent): string {
  switch (event.kind) {
    case '@':
      return `@${event.microseconds}`;
    case '.':
      return '.';
    case '!':
      return `!${event.call} = ${event.result}`;
    default:
      return event.kind + printPacket(event.packet);
  }
}

/** Throws an Error for a line that no recorder has written. */
export function parseEvent(line: string): TraceEvent {
  const rest = line.slice(1);
  switch (line[0]) {
    case '@':
      return { kind: '@', microseconds: Number(rest) };
    case '.':
      return { kind: '.' };
    case '!': {
      const at = rest.lastIndexOf(' = ');
      return { kind: '!', call: rest.slice(0, at), result: rest.slice(at + 3) };
    }
    case '<':
    case '>':
      return { kind: line[0], packet: parsePacket(rest) };
    default:
      throw new Error(`not an event: ${line}`);
  }
}

/** The end of a packet is described where it follows a pattern. */
function printPacket(packet: Uint8Array): string {
  let zeros = packet.length;
  while (zeros > 0 && packet[zeros - 1] === 0) zeros--;
  let counting = packet.length - 1;
  const goesOn = (at: number) => packet[at - 1]! < PERIOD && packet[at] === (packet[at - 1]! + 1) % PERIOD;
  while (counting > 0 && goesOn(counting)) counting--;
  const [start, word] =
    counting < zeros
      ? [counting, `P${packet[counting]},${packet.length - counting}`]
      : [zeros, `Z0,${packet.length - zeros}`];
  const isRun = packet.length - start >= LEAST_RUN;
  const head = Buffer.from(isRun ? packet.subarray(0, start) : packet)
    .toString('base64')
    .replace(/=+$/, '');
  return isRun ? `${head} ${word}` : head;
}

function parsePacket(text: string): Uint8Array {
  const [head, word] = text.split(' ');
  const bytes = Buffer.from(head!, 'base64');
  if (!word) return Uint8Array.from(bytes);
  const [first, length] = word.slice(1).split(',').map(Number);
  const run = Uint8Array.from({ length: length! }, (_, i) => (word[0] === 'P' ? (first! + i) % PERIOD : 0));
  return Uint8Array.from(Buffer.concat([bytes, run]));
}
