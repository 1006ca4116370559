/**
 * Which terminals were open in this tab, so that a reload brings them back to the tunnel that they belong to. Places and
 * names only: what was typed, passwords too, is gone with the page.
 */
import { isRecord } from '../settings.ts';
import { isReload } from '../tunnels/resume.ts';
import type { SshTarget } from './form.ts';

const NAME = 'tabwire.terminals';

/** `identity`: our public key in the tunnel. */
export function noteTerminals(identity: string, targets: readonly SshTarget[]): void {
  const places = targets.map(({ host, port, username, jump }) => ({ host, port, username, jump }));
  try {
    if (places.length === 0) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify({ identity, places }));
  } catch {
    // Storage is forbidden: a reload begins anew.
  }
}

/** Of this tunnel, and once only. */
export function terminalsBefore(identity: string): SshTarget[] {
  try {
    const noted: unknown = JSON.parse(sessionStorage.getItem(NAME) ?? 'null');
    if (!isReload() || !isRecord(noted) || noted.identity !== identity) return [];
    sessionStorage.removeItem(NAME);
    return Array.isArray(noted.places) ? noted.places.flatMap(readTarget) : [];
  } catch {
    return [];
  }
}

/** Anything that another version left there is passed over. */
function readTarget(value: unknown): SshTarget[] {
  if (!isRecord(value)) return [];
  const { host, port, username, jump } = value;
  const isOne =
    typeof host === 'string' &&
    typeof port === 'number' &&
    typeof username === 'string' &&
    typeof jump === 'string';
  return isOne ? [{ host, port, username, jump, hostKey: undefined }] : [];
}
