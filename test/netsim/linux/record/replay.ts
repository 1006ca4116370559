// A trace again, without Linux: our stack must send the same packets, to the byte, and tell the application the same.
import { Session, type SessionOptions } from './session.ts';
import { parseEvent, printEvent } from './trace.ts';

/** Throws an Error that names the packet or the call that differs. */
export function replay(trace: string): { packets: number } {
  const [first, ...lines] = trace.trimEnd().split('\n');
  const options = JSON.parse(first!) as SessionOptions & { name: string };
  const sent: Uint8Array[] = [];
  const session = new Session(options, (packet) => sent.push(packet));
  let packets = 0;
  const fail = (expected: string, got: string): never => {
    throw new Error(
      `${options.name}, packet ${packets}, at ${session.now} ms:\n  expected ${expected}\n  got      ${got}`,
    );
  };
  for (const line of lines) {
    const event = parseEvent(line);
    const unexpected = event.kind === '>' ? undefined : sent[0];
    if (unexpected) fail(line, describe(unexpected));
    switch (event.kind) {
      case '@':
        session.now = event.microseconds / 1000;
        break;
      case '<':
        packets++;
        session.receive(event.packet);
        break;
      case '.':
        session.poll();
        break;
      case '!': {
        const result = session.call(event.call);
        if (result !== event.result) fail(line, result);
        break;
      }
      case '>': {
        packets++;
        const packet = sent.shift();
        if (!packet) fail(describe(event.packet), 'nothing');
        else if (Buffer.compare(packet, event.packet) !== 0) fail(describe(event.packet), describe(packet));
      }
    }
  }
  if (sent[0]) fail('the end', describe(sent[0]));
  return { packets };
}

/** As far as one wants to know where to look: the rest is in the bytes. */
function describe(packet: Uint8Array): string {
  const header = packet[0]! >> 4 === 4 ? 20 : 40;
  const protocol = packet[header === 20 ? 9 : 6]!;
  const line = printEvent({ kind: '>', packet });
  if (protocol !== 6 || packet.length < header + 20)
    return `protocol ${protocol}, ${packet.length} bytes: ${line}`;
  const view = new DataView(packet.buffer, packet.byteOffset);
  const bits = packet[header + 13]!;
  const flags = [...'FSRPAUEW'].filter((_, i) => bits & (1 << i)).join('');
  const length = packet.length - header - (packet[header + 12]! >> 4) * 4;
  return `${flags} seq ${view.getUint32(header + 4)} ack ${view.getUint32(header + 8)} win ${view.getUint16(header + 14)}, ${length} bytes: ${line}`;
}
