import type { IncomingMessage, ServerResponse } from 'node:http';
import { decodeKey } from '../core/wireguard/keys.ts';
import { issueToken, MAX_LIFETIME, type Relay, SUBJECT } from '../relay-host/index.ts';
import type { ConsoleFiles } from './console-files.ts';
import { type ConsoleSettings, ENROL_PATH, TOKEN_PATH, type TokenGrant } from './console-settings.ts';
import { configurationFor } from './enrolment.ts';
import { publicKeyIn, type Refusal, sendJson, strangeness } from './own-page.ts';

/** Someone whom the proxy before us has let in, and what is granted to them. */
interface Visitor {
  readonly user: string;
  readonly grants: readonly TokenGrant[];
}

/** The console beside a relay: its files, its settings, and for those who have logged in, tokens and configurations. */
export class ConsoleSite {
  /** May change while it serves. */
  settings: ConsoleSettings;
  readonly #files: ConsoleFiles;
  readonly #relay: Pick<Relay, 'permits' | 'isProxied'>;

  constructor(files: ConsoleFiles, relay: Pick<Relay, 'permits' | 'isProxied'>, settings: ConsoleSettings) {
    this.#files = files;
    this.#relay = relay;
    this.settings = settings;
  }

  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request, response).catch(() => response.destroy());
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pathname = (request.url ?? '/').split('?', 1)[0]!;
    const { page, token, enrolCommand, connect } = this.settings;
    if (pathname === '/tabwire.json') sendJson(response, 200, page);
    else if (pathname === TOKEN_PATH && token) await this.#giveToken(request, response);
    else if (pathname === ENROL_PATH && enrolCommand) await this.#enrol(request, response);
    else this.#files.answer(request, response, pathname, connect);
  }

  /** One token, for this page and this person, of what is granted to them. */
  async #giveToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visitor = this.#visitor(request);
    if ('error' in visitor) return sendJson(response, visitor.status, { error: visitor.error });
    const { key, kid, audience, issuer } = this.settings.token!;
    const least = (name: 'session' | 'channels') => {
      const values = visitor.grants.flatMap((grant) => grant[name] ?? []);
      return values.length > 0 && { [name]: Math.min(...values) };
    };
    const claims = {
      subject: visitor.user,
      destinations: [...new Set(visitor.grants.flatMap(({ to }) => to))],
      origin: request.headers.origin!,
      ...least('session'),
      ...least('channels'),
      ...(audience !== undefined && { audience }),
      ...(issuer !== undefined && { issuer }),
    };
    const token = await issueToken(key, claims, Date.now(), kid);
    sendJson(response, 200, { token, lifetime: MAX_LIFETIME });
  }

  async #enrol(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visitor = this.#visitor(request);
    if ('error' in visitor) return sendJson(response, visitor.status, { error: visitor.error });
    const publicKey = await publicKeyIn(request);
    const isKey = decodeKey(publicKey) !== undefined;
    if (!isKey)
      return sendJson(response, 400, { error: 'publicKey must be 44 base64 characters (32 bytes).' });
    const result = await configurationFor(publicKey, visitor.user, this.settings.enrolCommand!);
    if ('config' in result) sendJson(response, 200, result);
    else sendJson(response, result.status, { error: result.error });
  }

  /** Whatever is not as it should be is a refusal. */
  #visitor(request: IncomingMessage): Visitor | Refusal {
    const stranger = strangeness(request);
    if (stranger) return stranger;
    const { origin } = request.headers;
    if (origin === undefined || !this.#relay.permits(request))
      return { status: 403, error: 'The relay does not serve this page.' };
    const { userHeader, groupsHeader, grants } = this.settings.token!;
    // Everybody can write headers; only the proxy that does the login overwrites them.
    if (!this.#relay.isProxied(request)) return { status: 403, error: 'This came past the login.' };
    const names = request.headersDistinct[userHeader] ?? [];
    const user = names[0] ?? '';
    if (names.length !== 1 || !SUBJECT.test(user)) return { status: 401, error: 'Nobody is logged in.' };
    const groups = groupsOf(groupsHeader === undefined ? [] : request.headersDistinct[groupsHeader]);
    const granted = grants.filter(
      (grant) => grant.user === user || (grant.group !== undefined && groups.includes(grant.group)),
    );
    return granted.length > 0
      ? { user, grants: granted }
      : { status: 403, error: 'Nothing is granted to this user.' };
  }
}

function groupsOf(values: readonly string[] = []): string[] {
  return values.flatMap((value) => value.split(',')).map((group) => group.trim());
}
