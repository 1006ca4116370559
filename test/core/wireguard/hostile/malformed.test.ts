import { describe } from 'vitest';
import { type Refusal, refuses, type Scene } from './scene.ts';

const typed = (type: number, size: number) => () => {
  const datagram = new Uint8Array(size);
  datagram[0] = type;
  return datagram;
};

/** An initiation that is right in all but its first bytes. */
const relabelled =
  (at: number, value: number) =>
  ({ opponent }: Scene) => {
    const { message } = opponent.initiate();
    message[at] = value;
    return opponent.stamp(message);
  };

/** One whose length alone is wrong: mac1 is where it would be, and right. */
const resized =
  (size: number) =>
  ({ opponent }: Scene) => {
    const message = new Uint8Array(size);
    message.set(opponent.initiate().message.slice(0, size));
    return opponent.stamp(message);
  };

const MALFORMED: Refusal[] = [
  { title: 'row 1: an empty datagram', datagram: typed(0, 0), drop: 'malformed' },
  { title: 'row 1: one byte', datagram: typed(4, 1), drop: 'malformed' },
  { title: 'row 1: two bytes', datagram: typed(4, 2), drop: 'malformed' },
  { title: 'row 1: three bytes', datagram: typed(4, 3), drop: 'malformed' },
  ...[0, 5, 0xff].flatMap((type) =>
    [64, 92, 148, 200].map((size) => ({
      title: `row 2: type ${type}, ${size} bytes`,
      datagram: typed(type, size),
      drop: 'malformed' as const,
    })),
  ),
  {
    title: 'row 2: an initiation that calls itself a response',
    datagram: relabelled(0, 2),
    drop: 'malformed',
  },
  {
    title: 'row 2: an initiation that calls itself transport',
    datagram: relabelled(0, 4),
    drop: 'unknown_index',
  },
  {
    title: 'row 3: an initiation with reserved byte 1 set, mac1 right',
    datagram: relabelled(1, 1),
    drop: 'malformed',
  },
  {
    title: 'row 3: an initiation with reserved byte 2 set, mac1 right',
    datagram: relabelled(2, 1),
    drop: 'malformed',
  },
  {
    title: 'row 3: an initiation with reserved byte 3 set, mac1 right',
    datagram: relabelled(3, 0x80),
    drop: 'malformed',
  },
  {
    title: 'row 3: transport with a reserved byte set, all else right',
    datagram: ({ opponent, live }) => opponent.seal(live).fill(1, 3, 4),
    drop: 'malformed',
  },
  { title: 'row 4: an initiation of 147 bytes', datagram: resized(147), drop: 'malformed' },
  { title: 'row 4: an initiation of 149 bytes', datagram: resized(149), drop: 'malformed' },
  { title: 'row 5: a response of 91 bytes', datagram: typed(2, 91), drop: 'malformed' },
  { title: 'row 5: a response of 93 bytes', datagram: typed(2, 93), drop: 'malformed' },
  { title: 'row 5: a cookie reply of 63 bytes', datagram: typed(3, 63), drop: 'malformed' },
  { title: 'row 5: a cookie reply of 65 bytes', datagram: typed(3, 65), drop: 'malformed' },
  { title: 'row 5: transport of 16 bytes', datagram: typed(4, 16), drop: 'malformed' },
  { title: 'row 5: transport of 31 bytes', datagram: typed(4, 31), drop: 'malformed' },
];

describe('what is no message of WireGuard', () => refuses(MALFORMED));
