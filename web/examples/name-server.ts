// The smallest DNS server (RFC 1035) that one can be: it knows a few names, and an address of each.
import type { Tunnel } from 'tabwire';

/** Answers at UDP port 53 of the page's own address. */
export async function serveNames(tunnel: Tunnel, names: Record<string, string>): Promise<void> {
  const { readable, writable } = await new tunnel.UDPSocket({ localAddress: '0.0.0.0', localPort: 53 })
    .opened;
  const answers = new TransformStream<{ data: Uint8Array<ArrayBuffer> }, { data: BufferSource }>({
    transform: ({ data, ...from }, controller) =>
      controller.enqueue({ ...from, data: answerTo(data, names) }),
  });
  readable
    .pipeThrough(answers)
    .pipeTo(writable)
    .catch(() => {});
}

function answerTo(query: Uint8Array, names: Record<string, string>): Uint8Array<ArrayBuffer> {
  const labels: string[] = [];
  let at = 12; // behind the header
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const address = names[labels.join('.').toLowerCase()];
  const isForAddress = question.at(-3) === 1; // type A
  const record =
    address && isForAddress ? [...[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4], ...octets(address)] : [];
  const code = address ? 0 : 3; // NXDOMAIN
  const counts = [0, 1, 0, record.length > 0 ? 1 : 0, 0, 0, 0, 0];
  return Uint8Array.from([query[0]!, query[1]!, 0x85, 0x80 | code, ...counts, ...question, ...record]);
}

function octets(address: string): number[] {
  return address.split('.').map(Number);
}
