// What datagrams and packets are to the reference: no bytes, no cryptography. A message says who made it, for whom and in
// answer to what, so whether it is authentic is a comparison.

/** Identities are named; message ids are unique in a world; indices, counters and sizes are those on the wire. */
export type Message = (
  | { kind: 'initiation'; sender: number; timestamp: number }
  | { kind: 'response'; sender: number; receiver: number; answers: number; psk: string }
  | { kind: 'cookie'; receiver: number; about: number; cookie: string }
  | {
      kind: 'transport';
      receiver: number;
      session: number;
      fromInitiator: boolean;
      counter: number;
      inner?: Inner;
    }
) & {
  id: number;
  by: string;
  to: string;
  size: number;
  /** Its mac1, if that is not the one its maker gave it. */
  mac1?: number;
  /** The cookie in it. */
  mac2?: string;
  /** What the adversary did to it: it is no message any more, its mac1 is wrong, or the named field does not open. */
  broken?: 'type' | 'mac1' | 'static' | 'timestamp' | 'body';
};

/** An inner packet: who it says it is from and to, and whether its length field is right. */
export interface Inner {
  id: number;
  size: number;
  source: number;
  destination: number;
  isSound: boolean;
}
