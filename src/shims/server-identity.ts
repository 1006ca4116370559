// Whether a certificate is for a host, as Node's tls.checkServerIdentity decides it (RFC 6125 §6.4).
import { IpAddress } from '../core/address.ts';
import { codedError } from './errors.ts';
import { isIP } from './ip.ts';

/** What of a certificate names its owner, under Node's names. */
export interface NamedCertificate {
  /** Whom it names, for want of alternatives. */
  subject?: {
    /** May be several. */
    CN?: string | string[];
  };
  /** `DNS:a.test, IP Address:10.0.0.1`; what has a comma or a quote in it is JSON. */
  subjectaltname?: string;
}

/**
 * The Error (ERR_TLS_CERT_ALTNAME_INVALID) where the certificate is not for that host. A certificate that names nobody is one
 * of which the layer of TLS told nothing: it has checked it itself, and there is no error.
 */
export function checkServerIdentity(hostname: string, certificate: NamedCertificate): Error | undefined {
  const { subject, subjectaltname } = certificate;
  if (subject === undefined && subjectaltname === undefined) return undefined;
  const host = String(hostname).replace(/\.$/, '');
  const reason = reasonAgainst(host, subject, subjectaltname);
  if (reason === undefined) return undefined;
  const message = `Hostname/IP does not match certificate's altnames: ${reason}`;
  const error = codedError(Error, 'ERR_TLS_CERT_ALTNAME_INVALID', message);
  return Object.assign(error, { reason, host, cert: certificate });
}

function reasonAgainst(
  host: string,
  subject: NamedCertificate['subject'],
  alternatives: string | undefined,
): string | undefined {
  const names = alternatives ? split(alternatives) : [];
  const of = (kind: string) =>
    names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
  if (isIP(host)) {
    const addresses = of('IP Address:');
    if (addresses.some((address) => canonical(address) === canonical(host))) return undefined;
    return `IP: ${host} is not in the cert's list: ${addresses.join(', ')}`;
  }
  const labels = labelsOf(host);
  const patterns = of('DNS:');
  if (patterns.length > 0) {
    if (patterns.some((pattern) => matches(labels, pattern))) return undefined;
    return `Host: ${host}. is not in the cert's altnames: ${alternatives}`;
  }
  const common = [subject?.CN ?? []].flat();
  if (common.length === 0) return 'Cert does not contain a DNS name';
  if (common.some((pattern) => matches(labels, pattern))) return undefined;
  return `Host: ${host}. is not cert's CN: ${String(subject!.CN)}`;
}

/** Throws for what does not split without a rest: whoever wrote it may have meant to be read in two ways. */
function split(alternatives: string): string[] {
  const parts = [...alternatives.matchAll(/(?:^|, )((?:"(?:[^"\\]|\\.)*"|[^",]|,(?! ))*)/g)];
  if (parts.map(([whole]) => whole).join('') !== alternatives)
    throw codedError(SyntaxError, 'ERR_TLS_CERT_ALTNAME_FORMAT', 'Invalid subject alternative name string');
  return parts.map(([, name]) => name!.replace(/"(?:[^"\\]|\\.)*"/g, (text) => JSON.parse(text) as string));
}

function canonical(address: string): string {
  return IpAddress.parse(address)?.toString() ?? '';
}

function labelsOf(name: string): string[] {
  return name.replace(/\.$/, '').toLowerCase().split('.');
}

/** One star counts, in the first label, of a name of three labels at least. */
function matches(host: readonly string[], pattern: string): boolean {
  if (pattern === '') return false;
  const [first = '', ...rest] = labelsOf(pattern);
  if (host.length !== rest.length + 1 || [first, ...rest].includes('')) return false;
  if (/[^!-~]/.test(pattern) || rest.some((label, i) => label !== host[i + 1])) return false;
  const [prefix = '', suffix, ...more] = first.split('*');
  const isExact = suffix === undefined || first.includes('xn--');
  if (isExact) return first === host[0];
  if (more.length > 0 || rest.length < 2) return false;
  const label = host[0]!;
  const hasRoom = prefix.length + suffix.length <= label.length;
  return hasRoom && label.startsWith(prefix) && label.endsWith(suffix);
}
