import { readFileSync, writeFileSync } from 'node:fs';

const SETTING = '/proc/sys/net/core/rmem_default';
/** What newer versions of wireguard-go ask for themselves. */
const ROOM = 7 << 20;

/**
 * Runs with more room in every new socket. Debian's wireguard-go takes the system's 208 KiB, 92 datagrams: it loses bursts
 * that kernels' WireGuard and newer versions hold, and the race would be whose bursts it lost. Where the setting cannot be
 * written, the system's remains.
 */
export async function withRoomInSockets<T>(work: () => Promise<T>): Promise<T> {
  const before = readFileSync(SETTING, 'utf8');
  const set = (value: string): void => {
    try {
      writeFileSync(SETTING, value);
    } catch {}
  };
  if (Number(before) < ROOM) set(String(ROOM));
  try {
    return await work();
  } finally {
    set(before);
  }
}
