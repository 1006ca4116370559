/** So much in one message is no conversation: it is a transfer, which goes on for at least BULK_LASTS ms. */
const BULK = 8 * 1024;
const BULK_LASTS = 10;
/** Then messages down leave so many ms apart, or when they hold WORTHWHILE bytes. */
const APART = 2;
/** In a transfer up they carry the acknowledgments that let it go on, which wait less. */
const APART_FOR_UP = 1;
const WORTHWHILE = 56 * 1024;

/**
 * When the next message to a client leaves. Each wakes several threads of its browser, however little is in it, and is
 * answered by one up; so in a transfer several are made one. What is said back and forth leaves at once.
 */
export class Pace {
  #downAt = Number.NEGATIVE_INFINITY;
  #upAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;

  /** A message of so many bytes left; instants are in ms. */
  sent(bytes: number, now: number): void {
    if (bytes >= BULK) this.#downAt = now;
    this.#sentAt = now;
  }

  /** A message of so many bytes came. */
  received(bytes: number, now: number): void {
    if (bytes >= BULK) this.#upAt = now;
  }

  /** For how many ms more to collect, when so many bytes are there. */
  wait(bytes: number, now: number): number {
    if (bytes >= WORTHWHILE) return 0;
    return Math.max(0, this.#sentAt + this.#apart(now) - now);
  }

  #apart(now: number): number {
    if (now - this.#downAt <= BULK_LASTS) return APART;
    return now - this.#upAt <= BULK_LASTS ? APART_FOR_UP : 0;
  }
}
