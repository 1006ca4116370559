/**
 * What to tell a person about a failure: one sentence that says what to do, decided by the error's code, and the
 * lines to copy that go with it. It claims no more than what was seen: a wrong key looks like any other silence.
 */

import type { Seen } from './doctor-run.ts';
import { type Advice, BLACK_HOLE, type Failure, oneSentence } from './failure.ts';
import type { Reach } from './reach.ts';

export interface AdviceContext {
  /** Origin of this page. */
  page: string;
  /** The relay in use, or the ones tried. */
  relay?: string | undefined;
  /** The peer's endpoint as configured. */
  endpoint?: string | undefined;
  /** Our own public key. */
  publicKey?: string | undefined;
  /** What a ping or a socket was opened to. */
  target?: string | undefined;
  /** Of packets inside, in bytes. */
  mtu?: number | undefined;
  /** This site has tokens for the relay in use. */
  hasToken?: boolean | undefined;
  /** What this page saw of a relay to which no WebSocket came through. */
  reach?: Reach | undefined;
}

type Write = (failure: Failure, context: AdviceContext) => string;

const endpointOf = ({ endpoint }: AdviceContext) => endpoint ?? 'the peer';
const relayOf = ({ relay }: AdviceContext) => (relay ? `The relay at ${relay}` : 'The relay');
const targetOf = ({ target }: AdviceContext) => target ?? 'the address';

/** What every link must carry that carries IPv6 (RFC 8200 §5). */
const SAFE_MTU = 1280;

const UNREACHED: Record<Reach, string> = {
  silent:
    'does not answer: check the address, that the relay is running, and that no proxy on the way blocks WebSockets',
  http: 'answers, but no WebSocket gets through to it: a proxy or firewall on the way blocks WebSockets, so try another network',
  forbidden:
    'is not among the places that this page may connect to: whoever runs this site has to add it to connect-src of its Content-Security-Policy',
};

const SENTENCES: Record<string, Write> = {
  ERR_IN_USE: (failure) =>
    failure.leg === 'peer'
      ? 'Another device probably uses this key too, so both lose the connection again and again: give each device a key of its own.'
      : 'Another tab uses this key right now, and only one can: disconnect it there, or take the connection over.',
  ERR_WORKER: () => 'The engine in this page stopped: reload the page and connect again.',
  ERR_RELAY_UNREACHABLE: (_, context) => `${relayOf(context)} ${UNREACHED[context.reach ?? 'silent']}.`,
  ERR_RELAY_ORIGIN: (_, context) =>
    `${relayOf(context)} refuses this page: its operator has to add ${context.page} to the origins it allows.`,
  ERR_RELAY_AUTH: (failure, context) => {
    if (failure.retryable) return 'This site gave no token for the relay: log in, and it goes on by itself.';
    return context.hasToken
      ? `${relayOf(context)} refused the token: ask its operator for a new one.`
      : `${relayOf(context)} wants a token, and this site has none for it: use a relay of this site, or ask the operator of that one.`;
  },
  ERR_RELAY_DESTINATION: (_, context) =>
    `${relayOf(context)} may not send to ${endpointOf(context)}: check the Endpoint line, or let its operator allow that destination.`,
  ERR_RELAY_LIMIT: (_, context) =>
    `${relayOf(context)} has no room for more at the moment: wait a minute and try again.`,
  ERR_HANDSHAKE_TIMEOUT: (_, context) =>
    `No answer from ${endpointOf(context)}: WireGuard stays silent when keys do not match, so check that “wg show” on the server lists our public key, that the Endpoint line is right, and that UDP reaches it.`,
  ERR_PSK_MISMATCH: () =>
    'The preshared key differs: the peer answered, but its answer does not open, so put the same PresharedKey in both configurations.',
  [BLACK_HOLE]: (_, { mtu }) =>
    `Large packets were lost on the way again and again while smaller ones arrived: write a smaller MTU${mtu ? ` than ${mtu}` : ''} under [Interface]${mtu && mtu <= SAFE_MTU ? '' : `, such as ${SAFE_MTU}`}, connect again, and let “Diagnose” test the way.`,
  ERR_NO_ROUTE: (_, context) =>
    `No peer is responsible for ${targetOf(context)}: add it to the AllowedIPs of the peer behind which it is.`,
  ERR_CONNECTION_REFUSED: (_, context) =>
    `${targetOf(context)} refused the connection: check the port and that a server is listening there.`,
  ERR_CONNECTION_RESET: (_, context) => `${targetOf(context)} broke the connection off: try again.`,
  ERR_TIMEOUT: (_, context) =>
    `${targetOf(context)} did not answer in time: check that the machine is on and that its firewall lets the tunnel in.`,
  ERR_HOST_UNREACHABLE: (_, context) =>
    `The network behind the peer cannot reach ${targetOf(context)}: check the address and the routes on that side.`,
  ERR_LIMIT: () => 'Too many sockets are open in this page: close some and try again.',
  ERR_CLOSED: () => 'The tunnel is closed: connect again first.',
};

/** Codes that mean something else when the peer's endpoint is concerned and not an address inside. */
const ENDPOINT_SENTENCES: Record<string, Write> = {
  ERR_CONNECTION_REFUSED: (_, context) =>
    `The host of ${endpointOf(context)} refuses UDP on that port: check the Endpoint line and that WireGuard runs there.`,
  ERR_HOST_UNREACHABLE: (_, context) =>
    `${relayOf(context)} has no way to ${endpointOf(context)}: check the Endpoint line, or use a relay nearer to it.`,
  ERR_NAME_NOT_RESOLVED: (_, context) =>
    `${relayOf(context)} finds no address for ${endpointOf(context)}: check the name in the Endpoint line.`,
};

/** Codes without a sentence of their own (a syntax error, say) already carry the best one: their message. */
export function advise(failure: Failure, context: AdviceContext): Advice {
  const { code, leg } = failure;
  // An endpoint that the relay gave up on as unresponsive is the same silence as any other.
  if (leg === 'endpoint' && code === 'ERR_TIMEOUT')
    return advise({ ...failure, code: 'ERR_HANDSHAKE_TIMEOUT' }, context);
  const write = (leg === 'endpoint' && ENDPOINT_SENTENCES[code]) || SENTENCES[code];
  return {
    sentence: write ? write(failure, context) : oneSentence(failure.message),
    copy: copyLines(failure, context),
  };
}

/** The same sentence for what the path doctor saw; its own words where the failure has no code. */
export function adviseOnCheck(check: Seen, context: AdviceContext): string | undefined {
  if (check.ok) return undefined;
  const { code, detail } = check;
  if (code === undefined) return check.advice;
  const { sentence } = advise({ code, message: detail, leg: legOf(check) }, context);
  return sentence === oneSentence(detail) ? check.advice : sentence;
}

function legOf({ leg }: Seen): Failure['leg'] {
  if (leg === 'handshake') return 'peer';
  return leg === 'browser' || leg === 'storage' ? undefined : leg;
}

function copyLines({ code }: Failure, { page, endpoint, publicKey }: AdviceContext): Advice['copy'] {
  if (code === 'ERR_HANDSHAKE_TIMEOUT' && publicKey)
    return [
      { label: 'Run on the server', text: 'wg show' },
      { label: 'It must list this line', text: `peer: ${publicKey}` },
    ];
  if (code === 'ERR_RELAY_DESTINATION' && endpoint)
    return [{ label: 'For the relay’s operator', text: `tabwire relay --allow ${endpoint}` }];
  if (code === 'ERR_RELAY_ORIGIN') return [{ label: 'This page’s origin', text: page }];
  return [];
}
