/**
 * Which terminals were open in this tab, with what forwards, so that a reload brings them back to the tunnel that they
 * belong to. Places and names only: what was typed, passwords too, is gone with the page.
 */
import { isRecord } from '../settings.ts';
import { isReload } from '../tunnels/resume.ts';
import type { SshTarget } from './form.ts';
import type { ForwardTarget } from './forward.ts';

const NAME = 'tabwire.terminals';
/** What this page noted itself is open in it: only what an earlier one has left is to be brought back. */
const PAGE = performance.timeOrigin;

/** Where to, and what was forwarded through it. */
export interface OpenTerminal {
  target: SshTarget;
  forwards: readonly ForwardTarget[];
}

/** `identity`: our public key in the tunnel. */
export function noteTerminals(identity: string, terminals: readonly OpenTerminal[]): void {
  const places = terminals.map(({ target: { host, port, username, jump }, forwards }) => ({
    ...{ host, port, username, jump },
    forwards: forwards.map((forward) => ({ host: forward.host, port: forward.port })),
  }));
  try {
    if (places.length === 0) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify({ page: PAGE, identity, places }));
  } catch {
    // Storage is forbidden: a reload begins anew.
  }
}

/** Of this tunnel, and once only. */
export function terminalsBefore(identity: string): OpenTerminal[] {
  try {
    const noted: unknown = JSON.parse(sessionStorage.getItem(NAME) ?? 'null');
    if (!isReload() || !isRecord(noted) || noted.page === PAGE || noted.identity !== identity) return [];
    sessionStorage.removeItem(NAME);
    return Array.isArray(noted.places) ? noted.places.flatMap(readTerminal) : [];
  } catch {
    return [];
  }
}

/** Anything that another version left there is passed over. */
function readTerminal(value: unknown): OpenTerminal[] {
  if (!isRecord(value)) return [];
  const { host, port, username, jump, forwards } = value;
  const isOne =
    typeof host === 'string' &&
    typeof port === 'number' &&
    typeof username === 'string' &&
    typeof jump === 'string';
  if (!isOne) return [];
  const target = { host, port, username, jump, hostKey: undefined };
  return [{ target, forwards: Array.isArray(forwards) ? forwards.flatMap(readForward) : [] }];
}

function readForward(value: unknown): ForwardTarget[] {
  if (!isRecord(value)) return [];
  const { host, port } = value;
  return typeof host === 'string' && typeof port === 'number' ? [{ host, port }] : [];
}
