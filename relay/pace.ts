/** So much in one message is no conversation: it is a transfer, which goes on for at least BULK_LASTS ms. */
const BULK = 8 * 1024;
const BULK_LASTS = 10;
/** Then messages leave so many ms apart, or when they hold WORTHWHILE bytes. */
const APART = 2;
const WORTHWHILE = 56 * 1024;

/**
 * When the next message to a client leaves. Each wakes several threads of its browser, however little is in it, and is
 * answered by one up; so in a transfer several are made one. What is said back and forth leaves at once.
 */
export class Pace {
  #bulkAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;

  /** A message of so many bytes left; instants are in ms. */
  sent(bytes: number, now: number): void {
    if (bytes >= BULK) this.#bulkAt = now;
    this.#sentAt = now;
  }

  /** For how many ms more to collect, when so many bytes are there. */
  wait(bytes: number, now: number): number {
    if (bytes >= WORTHWHILE || now - this.#bulkAt > BULK_LASTS) return 0;
    return Math.max(0, this.#sentAt + APART - now);
  }
}
