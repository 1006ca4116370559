import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CLOSE_LIMIT, CLOSE_RESTARTING, CLOSE_TOKEN, SUBPROTOCOL } from '../src/core/wire/relay.ts';
import { type Admission, refuse } from './admission.ts';
import type { Grant } from './grant.ts';
import { clientKey } from './limits.ts';
import { bearerOf, type Credential, Newcomer } from './newcomer.ts';
import { Session } from './session.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionTable } from './session-table.ts';
import type { Resume } from './tickets.ts';
import type { TokenRefusal, TokenVerifier } from './tokens.ts';

/** Of all sessions that there may be, so many may wait for their clients. */
const PARKED_SHARE = 0.05;

type Verdict = Grant | TokenRefusal;

/**
 * Makes sessions of WebSockets whose client may come. Tokens are judged before the upgrade, but refused behind it: browsers
 * do not tell what an upgrade failed of.
 */
export class Reception {
  readonly #admission: Admission;
  readonly #sessions: SessionTable;
  readonly #context: SessionContext;
  readonly #webSockets: WebSocketServer;

  constructor(admission: Admission, sessions: SessionTable, context: SessionContext) {
    this.#admission = admission;
    this.#sessions = sessions;
    this.#context = context;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: context.limits.maxMessage,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      // A client that sends pings, fragments or single bytes and never reads must not make ws grow.
      ...({ maxFragments: 32, maxBufferedChunks: 256, maxPendingAutoPongs: 8, closeTimeout: 5000 } as object),
    });
  }

  /** What an HTTP server was asked for. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    const refused = this.#admission.judgeUpgrade(request);
    if (refused === undefined) {
      void this.#admit(request, socket, head);
      return;
    }
    const { counters, log } = this.#context;
    counters.upgrades.count(refused.code);
    log.refused('reject', refused.code, this.#whoseIs(request));
    refuse(request, socket, refused);
  }

  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { tokens } = this.#admission.config;
    const bearer = bearerOf(request);
    const verdict = tokens && bearer !== undefined ? await this.#judge(bearer, request, tokens) : undefined;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (tokens && verdict === undefined) void this.#awaitToken(webSocket, request, tokens);
      else this.#accept(webSocket, request, verdict);
    });
  }

  async #judge(shown: Credential, { headers }: IncomingMessage, tokens: TokenVerifier): Promise<Verdict> {
    const wallClock = this.#context.wallClock();
    if (typeof shown !== 'string')
      return this.#context.tickets.grantOf(shown, headers.origin, wallClock, this.#context.isDenied);
    this.#admission.unauthenticated++;
    const verdict = await tokens.verify(shown, headers.origin, wallClock);
    this.#admission.unauthenticated--;
    return verdict;
  }

  async #awaitToken(webSocket: WebSocket, request: IncomingMessage, tokens: TokenVerifier): Promise<void> {
    this.#admission.unauthenticated++;
    const newcomer = new Newcomer(webSocket, this.#admission.config.limits.authTimeout);
    const shown = await newcomer.credential;
    this.#admission.unauthenticated--;
    const verdict = shown === undefined ? NO_TOKEN : await this.#judge(shown, request, tokens);
    const session = this.#accept(webSocket, request, verdict, typeof shown === 'object' ? shown : undefined);
    for (const message of newcomer.takeEarly()) session?.receiveMessage(message, true);
  }

  #accept(
    webSocket: WebSocket,
    request: IncomingMessage,
    verdict: Verdict | undefined,
    resume?: Resume,
  ): Session | undefined {
    if (webSocket.readyState !== webSocket.OPEN) return undefined;
    const { counters, log } = this.#context;
    const { client, origin } = this.#whoseIs(request);
    const refusal = this.#refusalOf(verdict, resume);
    if (refusal !== undefined) {
      const word = refusal.reason.split(':', 1)[0]!;
      counters.tokensRefused.count(word);
      log.refused('reject', word, { client, origin });
      webSocket.on('error', () => {});
      webSocket.close(refusal.code, refusal.reason);
      return undefined;
    }
    const grant = verdict as Grant | undefined;
    const session = new Session(webSocket, { client: clientKey(client), origin, grant }, this.#context);
    this.#sessions.add(session);
    counters.upgrades.count('accepted');
    log.info('accept', { sid: session.sid, client, origin, subject: grant?.subjectHash });
    webSocket.on('close', (code) => this.#left(session, code));
    return session;
  }

  #left(session: Session, code: number): void {
    const time = this.#admission.isStopping ? 0 : this.#context.parkTime;
    const places = Math.ceil(PARKED_SHARE * this.#admission.config.limits.sessions);
    this.#sessions.disconnected(session, code, { time, places }, this.#context.now());
  }

  #refusalOf(verdict: Verdict | undefined, resume: Resume | undefined): TokenRefusal | undefined {
    if (this.#admission.isStopping) return { code: CLOSE_RESTARTING, reason: 'restarting' };
    if (verdict === undefined || 'code' in verdict) return verdict;
    const { subject } = verdict;
    if (this.#sessions.ofSubject(subject) < this.#admission.config.limits.sessionsPerSubject)
      return undefined;
    // Who takes the place of a session that is here makes nothing more.
    const replaced = resume && this.#context.tickets.sessionOf(resume, this.#context.wallClock());
    if (replaced !== undefined && this.#sessions.find(replaced)) return undefined;
    if (this.#sessions.endParked(({ owner }) => owner.grant?.subject === subject)) return undefined;
    return { code: CLOSE_LIMIT, reason: 'sub: too many sessions' };
  }

  #whoseIs(request: IncomingMessage): { client: string; origin: string | undefined } {
    return { client: this.#admission.config.proxies.addressOf(request), origin: request.headers.origin };
  }
}

const NO_TOKEN: TokenRefusal = { code: CLOSE_TOKEN, reason: 'token_missing' };
