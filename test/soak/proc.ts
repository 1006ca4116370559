// What Linux says about processes and sockets.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(/^PPid:\s+(\d+)/m.exec(readProc(entry, 'status'))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const family = [pid];
  for (const member of family) family.push(...(children.get(member) ?? []));
  return family;
}

export function commandOf(pid: number): string {
  return readProc(pid, 'cmdline');
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status'))?.[1] ?? 0) * 1024;
}

/** What the kernel dropped at the UDP sockets that the process has open, and at those bound to the port. */
export function droppedDatagrams(pid: number, port: number): number {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map(
      (fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1],
    ),
  );
  let dropped = 0;
  for (const table of ['udp', 'udp6'])
    for (const line of readProc('net', table).trim().split('\n').slice(1)) {
      // proc(5): slot, local address, remote address, …, inode (tenth), …, drops (last)
      const fields = line.trim().split(/\s+/);
      const localPort = Number.parseInt(fields[1]!.split(':').at(-1)!, 16);
      if (localPort === port || inodes.has(fields[9])) dropped += Number(fields.at(-1));
    }
  return dropped;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Empty when the process has just ended. */
function readProc(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
