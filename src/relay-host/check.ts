import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Admission, METHOD } from '../../relay/admission.ts';
import { SUBPROTOCOL } from '../core/wire/relay.ts';

/**
 * `GET <path>/check`: the verdict that a browser does not show for a failed upgrade, as JSON; with
 * `Authorization: Bearer …` also of the token.
 */
export async function answerCheck(
  admission: Admission,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '' } = request;
  const { origin } = request.headers;
  if (origin !== undefined && admission.permits(request)) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Allow-Headers', 'Authorization');
    response.setHeader('Vary', 'Origin');
  }
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Type', 'application/json');
  response.statusCode = method === 'OPTIONS' ? 204 : method === 'GET' ? 200 : 405;
  const refused = method === 'GET' ? await admission.judgeCheck(request) : METHOD;
  const verdict = refused
    ? { ok: false, code: refused.code, message: refused.message }
    : { ok: true, protocols: [SUBPROTOCOL] };
  response.end(method === 'OPTIONS' ? undefined : JSON.stringify(verdict));
}
