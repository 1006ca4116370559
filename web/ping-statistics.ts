/** One answer, or the lack of one, as the ping panel keeps it. */
export interface PingSample {
  sequence: number;
  /** Round trip in ms; undefined for a lost one. */
  rtt: number | undefined;
}

export interface PingSummary {
  sent: number;
  lost: number;
  /** 0–100, whole per cent. */
  lossPercent: number;
  min: number | undefined;
  average: number | undefined;
  max: number | undefined;
}

/** A running summary, updated in place of keeping every sample of a ping that may run for days. */
export class PingStatistics {
  #sent = 0;
  #received = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(rtt: number | undefined): void {
    this.#sent++;
    if (rtt === undefined) return;
    this.#received++;
    this.#sum += rtt;
    this.#min = Math.min(this.#min, rtt);
    this.#max = Math.max(this.#max, rtt);
  }

  summary(): PingSummary {
    const some = this.#received > 0;
    const lost = this.#sent - this.#received;
    return {
      sent: this.#sent,
      lost,
      lossPercent: this.#sent === 0 ? 0 : Math.round((lost / this.#sent) * 100),
      min: some ? this.#min : undefined,
      average: some ? this.#sum / this.#received : undefined,
      max: some ? this.#max : undefined,
    };
  }
}
