/**
 * Which terminals were open in this tab, which of them was seen, what they forwarded and whose files were looked at where, so that
 * a reload brings them back to the tunnel that they belong to. Places and names only: what was typed, passwords too, is gone with
 * the page.
 */
import { isRecord } from '../settings.ts';
import { isReload } from '../tunnels/resume.ts';
import type { SshTarget } from './form.ts';
import type { ForwardTarget } from './forward.ts';

const NAME = 'tabwire.terminals';
/** What this page noted itself is open in it: only what an earlier one has left is to be brought back. */
const PAGE = performance.timeOrigin;

export interface OpenTerminal {
  target: SshTarget;
  forwards: readonly ForwardTarget[];
  /** Whose files were looked at; empty for none. */
  folder: string;
}

/** The terminals in their order, and the places in it of those that were seen. */
export interface OpenDesk {
  terminals: readonly OpenTerminal[];
  active: number;
  beside?: number | undefined;
}

const NOTHING: OpenDesk = { terminals: [], active: -1 };

/** `identity`: our public key in the tunnel. */
export function noteDesk(identity: string, { terminals, active, beside }: OpenDesk): void {
  const places = terminals.map(({ target: { host, port, username, jump }, forwards, folder }) => ({
    ...{ host, port, username, jump, folder },
    forwards: forwards.map((forward) => ({ host: forward.host, port: forward.port })),
  }));
  try {
    if (places.length === 0) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify({ page: PAGE, identity, places, active, beside }));
  } catch {
    // Storage is forbidden: a reload begins anew.
  }
}

/** Of this tunnel, and once only. */
export function deskBefore(identity: string): OpenDesk {
  try {
    const noted: unknown = JSON.parse(sessionStorage.getItem(NAME) ?? 'null');
    if (!isReload() || !isRecord(noted) || noted.page === PAGE || noted.identity !== identity) return NOTHING;
    sessionStorage.removeItem(NAME);
    return readDesk(noted);
  } catch {
    return NOTHING;
  }
}

/** Anything that another version left there is passed over. */
export function readDesk({ places, active, beside }: Record<string, unknown>): OpenDesk {
  const terminals = Array.isArray(places) ? places.flatMap(readTerminal) : [];
  return {
    terminals,
    active: typeof active === 'number' ? active : terminals.length - 1,
    beside: typeof beside === 'number' ? beside : undefined,
  };
}

function readTerminal(value: unknown): OpenTerminal[] {
  if (!isRecord(value)) return [];
  const { host, port, username, jump, forwards, folder } = value;
  const isOne =
    typeof host === 'string' &&
    typeof port === 'number' &&
    typeof username === 'string' &&
    typeof jump === 'string';
  if (!isOne) return [];
  return [
    {
      target: { host, port, username, jump, hostKey: undefined },
      forwards: Array.isArray(forwards) ? forwards.flatMap(readForward) : [],
      folder: typeof folder === 'string' ? folder : '',
    },
  ];
}

function readForward(value: unknown): ForwardTarget[] {
  if (!isRecord(value)) return [];
  const { host, port } = value;
  return typeof host === 'string' && typeof port === 'number' ? [{ host, port }] : [];
}
