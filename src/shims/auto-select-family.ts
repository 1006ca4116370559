// Whether a connection by name tries more than one address, and for how long each (Node's words for RFC 8305).
import { checkInteger, invalidArgType } from './errors.ts';

let autoSelectFamily = true;
let attemptTimeout = 250;

/** Whether connections whose options say nothing of it try all addresses of a name. */
export function getDefaultAutoSelectFamily(): boolean {
  return autoSelectFamily;
}

/** False: the first address of a name is the only one. Throws ERR_INVALID_ARG_TYPE. */
export function setDefaultAutoSelectFamily(value: boolean): void {
  checkAutoSelectFamily(value, 'value');
  autoSelectFamily = value;
}

/** Milliseconds until the next address is tried, where a `lookup` of the caller's own gave several. */
export function getDefaultAutoSelectFamilyAttemptTimeout(): number {
  return attemptTimeout;
}

/** Milliseconds, at least 10. Throws ERR_INVALID_ARG_TYPE or ERR_OUT_OF_RANGE. */
export function setDefaultAutoSelectFamilyAttemptTimeout(value: number): void {
  attemptTimeout = attemptTimeoutOf(value, 'value');
}

export function checkAutoSelectFamily(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
}

/** As Node takes it: fewer than ten milliseconds are ten. */
export function attemptTimeoutOf(value: number, name: string): number {
  checkInteger(value, name, 1);
  return Math.max(10, value);
}
