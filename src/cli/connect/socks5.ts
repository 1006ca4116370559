import type { Socket } from 'node:net';
import type { TunnelErrorCode } from '../../core/errors.ts';
import { TunnelError } from '../../core/errors.ts';
import { Door } from './door.ts';
import { connectInside, type Inside } from './inside.ts';
import type { Login } from './login.ts';
import { associate } from './socks5-udp.ts';
import * as wire from './socks5-wire.ts';
import { splice } from './splice.ts';

/** Milliseconds in which a client must have said what it wants. */
const NEGOTIATION_TIMEOUT = 10_000;
/** Milliseconds that a client gets to read why it is refused. */
const FAREWELL = 5_000;

/** The replies of RFC 1928 §6 for why there is no connection; for all others, a general failure. */
const REPLIES: Partial<Record<TunnelErrorCode, number>> = {
  ERR_CONNECTION_REFUSED: wire.CONNECTION_REFUSED,
  ERR_NO_ROUTE: wire.NETWORK_UNREACHABLE,
  ERR_HOST_UNREACHABLE: wire.HOST_UNREACHABLE,
  ERR_NAME_NOT_RESOLVED: wire.HOST_UNREACHABLE,
  ERR_HANDSHAKE_TIMEOUT: wire.HOST_UNREACHABLE,
  ERR_NOT_ALLOWED: wire.NOT_ALLOWED,
  ERR_TIMEOUT: wire.TTL_EXPIRED,
};

/** A SOCKS5 server (RFC 1928) before the tunnel: CONNECT and UDP ASSOCIATE, names looked up inside. */
export function socks5Proxy(inside: Inside, login?: Login): Door {
  return Door.for((client) => {
    serve(client, inside, login).catch(() => client.destroy());
  });
}

async function serve(client: Socket, inside: Inside, login: Login | undefined): Promise<void> {
  const late = setTimeout(() => client.destroy(), NEGOTIATION_TIMEOUT);
  try {
    if (!(await greet(client, login))) return end(client);
    const [version, command] = await wire.readBytes(client, 3);
    if (version !== wire.VERSION) return void client.destroy();
    const place = await wire.readAddress(client);
    clearTimeout(late);
    if (!place) end(client, wire.ADDRESS_TYPE_NOT_SUPPORTED);
    else if (command === wire.CONNECT) await lead(client, inside, place);
    else if (command === wire.UDP_ASSOCIATE)
      client.write(wire.reply(wire.SUCCEEDED, await associate(client, inside, place)));
    else end(client, wire.COMMAND_NOT_SUPPORTED);
  } finally {
    clearTimeout(late);
  }
}

/** RFC 1928 §3, and the login of RFC 1929 where there is one. Whether the client may go on. */
async function greet(client: Socket, login: Login | undefined): Promise<boolean> {
  const [version, count] = await wire.readBytes(client, 2);
  if (version !== wire.VERSION) throw new Error('It does not speak SOCKS5.');
  const methods = await wire.readBytes(client, count!);
  const method = login ? wire.USER_AND_PASSWORD : wire.NO_LOGIN;
  if (!methods.includes(method)) {
    client.write(Buffer.of(wire.VERSION, wire.NO_ACCEPTABLE_METHOD));
    return false;
  }
  client.write(Buffer.of(wire.VERSION, method));
  if (!login) return true;
  const [loginVersion, userLength] = await wire.readBytes(client, 2);
  const user = await wire.readBytes(client, userLength!);
  const password = await wire.readBytes(client, (await wire.readBytes(client, 1))[0]!);
  const isAdmitted =
    loginVersion === wire.LOGIN_VERSION && login.admits(user.toString(), password.toString());
  client.write(Buffer.of(wire.LOGIN_VERSION, isAdmitted ? 0 : 1));
  return isAdmitted;
}

async function lead(client: Socket, inside: Inside, place: { host: string; port: number }): Promise<void> {
  const gone = new AbortController();
  client.once('close', () => gone.abort());
  try {
    const inner = await connectInside(inside, place, gone.signal);
    client.write(wire.reply(wire.SUCCEEDED));
    splice(client, inner);
  } catch (error) {
    const code = error instanceof TunnelError ? REPLIES[error.code] : undefined;
    end(client, code ?? wire.GENERAL_FAILURE);
  }
}

/** RFC 1928 §6: after a reply that is no success, the connection ends shortly. */
function end(client: Socket, code?: number): void {
  if (code === undefined) client.end();
  else client.end(wire.reply(code));
  client.resume();
  const insist = setTimeout(() => client.destroy(), FAREWELL);
  client.once('close', () => clearTimeout(insist));
}
