import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_LIMIT, CLOSE_RESTARTING, CLOSE_TOKEN, SUBPROTOCOL } from '../src/core/wire/relay.ts';
import { type Admission, bearerOf, refuse } from './admission.ts';
import type { Ending, RelayContext } from './context.ts';
import { type Grant, partyOf } from './grant.ts';
import { clientKey, networksOf } from './limits.ts';
import { type Credential, Newcomer } from './newcomer.ts';
import { Session } from './session.ts';
import { type Ticket, ticketRefused } from './tickets.ts';

/** What a client may come with: nothing where nothing is needed. */
interface Pass {
  readonly grant?: Grant | undefined;
  /** In place of a token. */
  readonly ticket?: Ticket;
}

/**
 * Makes sessions of WebSockets whose client may come. Tokens are judged before the upgrade, but refused behind it: browsers
 * do not tell what an upgrade failed of.
 */
export class Reception {
  readonly #admission: Admission;
  readonly #context: RelayContext;
  readonly #webSockets: WebSocketServer;

  constructor(admission: Admission, context: RelayContext) {
    this.#admission = admission;
    this.#context = context;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: context.config.limits.maxMessage,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      // A client that sends pings, fragments or single bytes and never reads must not make ws grow.
      ...({ maxFragments: 32, maxBufferedChunks: 256, maxPendingAutoPongs: 8, closeTimeout: 5000 } as object),
    });
  }

  /** What an HTTP server was asked for. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    this.#context.strangers.enter(socket, this.#whoseIs(request).client);
    const refused = this.#admission.judgeUpgrade(request);
    if (refused === undefined) {
      void this.#admit(request, socket, head);
      return;
    }
    this.#context.counters.upgrades.count(refused.code);
    this.#context.log.refused('reject', refused.code, this.#whoseIs(request));
    refuse(request, socket, refused);
  }

  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const needsToken = this.#context.config.tokens !== undefined;
    const token = bearerOf(request);
    const verdict = needsToken && token === undefined ? undefined : await this.#judge(token, request);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (verdict === undefined) void this.#awaitToken(webSocket, request);
      else this.#accept(webSocket, request, verdict);
    });
  }

  async #awaitToken(webSocket: WebSocket, request: IncomingMessage): Promise<void> {
    const newcomer = new Newcomer(webSocket, this.#context.config.limits.authTimeout);
    const shown = await newcomer.credential;
    const session = this.#accept(webSocket, request, await this.#judge(shown, request));
    for (const message of newcomer.takeEarly()) session?.receiveMessage(message, true);
  }

  /** By what holds now: while we waited for a token, the configuration may have changed. */
  async #judge(
    shown: Credential | undefined,
    { headers: { origin } }: IncomingMessage,
  ): Promise<Pass | Ending> {
    const { tokens, tickets } = this.#context.config;
    if (tokens === undefined) return {};
    if (shown === undefined) return { code: CLOSE_TOKEN, reason: 'token_missing' };
    const wallClock = this.#context.wallClock();
    if (typeof shown === 'object') {
      const ticket = tickets.redeem(shown, origin, 'ticket', wallClock, tokens);
      return typeof ticket === 'string' ? ticketRefused(ticket) : { grant: ticket.grant, ticket };
    }
    const verdict = await tokens.verify(shown, origin, wallClock);
    return 'code' in verdict ? verdict : { grant: verdict };
  }

  #accept(webSocket: WebSocket, request: IncomingMessage, verdict: Pass | Ending): Session | undefined {
    if (webSocket.readyState !== webSocket.OPEN) return undefined;
    const { counters, log, sessions, strangers, unproven, now } = this.#context;
    const { client, origin } = this.#whoseIs(request);
    const refusal = this.#refusalOf(verdict, clientKey(client));
    if (refusal !== undefined) {
      const word = refusal.reason.split(':', 1)[0]!;
      counters.tokensRefused.count(word);
      log.refused('reject', word, { client, origin });
      webSocket.on('error', () => {});
      webSocket.close(refusal.code, refusal.reason);
      return undefined;
    }
    const { grant, ticket } = verdict as Pass;
    const key = clientKey(client);
    const { socket: connection } = request;
    const party = grant ? partyOf(grant) : key;
    const path = grant ? [party] : networksOf(client);
    const owner = { client: key, party, path, origin, grant, connection };
    const session = new Session(webSocket, owner, this.#context);
    sessions.add(session);
    strangers.leave(connection);
    if (grant === undefined) unproven.enter(connection, client);
    counters.upgrades.count('accepted');
    log.info('accept', { sid: session.sid, client, origin, subject: grant?.subjectHash });
    webSocket.on('close', (code) => {
      const time = this.#admission.isStopping ? 0 : this.#context.config.parkTime;
      sessions.disconnected(session, code, time, now());
    });
    if (ticket !== undefined) session.resume(ticket, now());
    // Behind that: the session that goes on is not one of those.
    sessions.makeRoomFor(session);
    return session;
  }

  #refusalOf(verdict: Pass | Ending, client: string): Ending | undefined {
    const { config, sessions } = this.#context;
    const { sessionsPerClient, sessionsPerSubject } = config.limits;
    if (this.#admission.isStopping) return { code: CLOSE_RESTARTING, reason: 'restarting' };
    if ('code' in verdict) return verdict;
    const { grant, ticket } = verdict;
    // Who takes the place of a session that is here makes nothing more.
    if (grant === undefined || (ticket && sessions.find(ticket.session)?.isReplaceable)) return undefined;
    // The upgrade was judged before the token came; others of this address may have been faster.
    if (!sessions.hasRoomFor(client, sessionsPerClient))
      return { code: CLOSE_LIMIT, reason: 'ip: too many sessions' };
    if (sessions.hasRoomFor(partyOf(grant), sessionsPerSubject)) return undefined;
    return { code: CLOSE_LIMIT, reason: 'sub: too many sessions' };
  }

  #whoseIs(request: IncomingMessage): { client: string; origin: string | undefined } {
    return { client: this.#context.config.proxies.addressOf(request), origin: request.headers.origin };
  }
}
