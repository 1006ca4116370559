// What is said between two peers while a script of inner packets runs: the script, and the shape of a recording.
// record.ts makes one of two wireguard-go; recording.test.ts plays the script to two of our devices.

export type SideName = 'a' | 'b';

/** Of each datagram on its way, in milliseconds. Long enough for two initiations to cross. */
export const DELAY = 60;

export interface ScriptStep {
  /** Seconds. */
  readonly at: number;
  readonly side: SideName;
  /** An inner packet of so many bytes, or a change. */
  readonly act: number | 'cut' | 'mend' | 'forget' | 'introduce' | `keepalive ${number | 'off'}`;
}

export interface RecordedMessage {
  /** Milliseconds since the script began. */
  readonly at: number;
  readonly from: SideName;
  readonly type: number;
  readonly size: number;
}

export interface Recording {
  readonly made: string;
  readonly script: readonly ScriptStep[];
  readonly messages: RecordedMessage[];
}

const say = (side: SideName, size: number, ...times: number[]): ScriptStep[] =>
  times.map((at) => ({ at, side, act: size }));

/** Everything that time makes two peers do. Side a knows where b is; b learns it. */
export const SCRIPT: readonly ScriptStep[] = [
  // A handshake; what is unanswered gets a keepalive after ten seconds, what is answered does not.
  ...say('a', 100, 0),
  ...say('a', 200, 20),
  ...say('b', 300, 21),
  // Two packets, three seconds apart.
  ...say('a', 100, 40, 43),
  // One way; the session is renewed by its initiator at the first send after 120 s.
  ...say('a', 500, 65, 77, 89, 101, 119, 131),
  ...say('b', 600, 133),
  // Silence. The responder sends at 168 s without renewing; the initiator, who only receives, does.
  ...say('b', 700, 300),
  ...say('b', 700, 320),
  // Silence. At 185 s the responder is the one who initiates.
  ...say('b', 400, 485),
  // The way breaks: 15 s after the first unanswered packet the handshakes begin, and end after twenty.
  { at: 500, side: 'a', act: 'cut' },
  ...say('a', 100, 501, 503),
  { at: 625, side: 'a', act: 'mend' },
  ...say('a', 100, 630),
  // Persistent keepalives fill silence only.
  { at: 645, side: 'a', act: 'keepalive 5' },
  ...say('a', 100, 662),
  ...say('b', 100, 669),
  { at: 684, side: 'a', act: 'keepalive off' },
  // Both forget, and both call at once: their initiations cross.
  { at: 690, side: 'a', act: 'forget' },
  { at: 690, side: 'b', act: 'forget' },
  { at: 691, side: 'a', act: 'introduce' },
  { at: 691, side: 'b', act: 'introduce' },
  ...say('a', 100, 692),
  ...say('b', 100, 692),
  ...say('a', 100, 715),
];
