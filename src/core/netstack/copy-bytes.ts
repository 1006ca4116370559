import type { PacketBuffer } from '../packet-buffer.ts';

/** Appends a copy of another packet's bytes [start, end), wherever the two have their memory; returns where. */
export function appendCopy(target: PacketBuffer, source: PacketBuffer, start: number, end: number): number {
  const at = target.append(end - start);
  if (target.memory === source.memory) target.memory.copyWithin(at, start, end);
  else target.memory.set(source.memory.subarray(start, end), at);
  return at;
}
