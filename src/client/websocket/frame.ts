// RFC 6455 §5: what a frame is, and how one leaves.

/** RFC 6455 §5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** RFC 6455 §5.5: what a control frame holds at most. */
export const MAX_CONTROL_PAYLOAD = 125;

/** What the server did breaks a rule; `code` is what the Close frame says then (RFC 6455 §7.4.1). */
export class WebSocketViolation extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A whole message in one frame, masked with `mask`, four bytes that nobody can guess (§5.3). A fresh array. */
export function encodeFrame(opcode: Opcode, payload: Uint8Array, mask: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + lengthBytes + 4;
  const frame = new Uint8Array(start + length);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  frame.set(mask.subarray(0, 4), start - 4);
  for (let i = 0; i < length; i++) frame[start + i] = payload[i]! ^ mask[i & 3]!;
  return frame;
}

/** The payload of a Close frame; without a code it is empty (§5.5.1). */
export function closePayload(code: number | undefined, reason: Uint8Array): Uint8Array<ArrayBuffer> {
  if (code === undefined) return new Uint8Array(0);
  const payload = new Uint8Array(2 + reason.length);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(reason, 2);
  return payload;
}

/** Whether a Close frame may carry this code (§7.4, and the registry of IANA as it is now). */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
