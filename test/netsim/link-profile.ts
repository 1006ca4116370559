// One direction of the bench network, as c/link.h has it.

/** Absent: not done. Times in ms. */
export interface LinkProfile {
  /** Bit/s of whole IP packets. */
  rate?: number;
  /** What may wait before the bottleneck, in bytes. */
  queue?: number;
  delay?: number;
  /** Parts of 1. */
  loss?: number;
  duplicate?: number;
  /** This part of the packets comes so much later than the rest. */
  reorder?: { part: number; by: number };
  /** For so long nothing comes out, each time that so much has passed; then all of it, in order. */
  stall?: { for: number; every: number };
}

export function printLink(profile: LinkProfile): string {
  const { rate, queue, delay, loss, duplicate, reorder, stall } = profile;
  return [
    ...(rate === undefined ? [] : [`rate=${rate}`]),
    ...(queue === undefined ? [] : [`queue=${queue}`]),
    ...(delay === undefined ? [] : [`delay=${delay}`]),
    ...(loss === undefined ? [] : [`loss=${loss}`]),
    ...(duplicate === undefined ? [] : [`dup=${duplicate}`]),
    ...(reorder === undefined ? [] : [`reorder=${reorder.part}:${reorder.by}`]),
    ...(stall === undefined ? [] : [`stall=${stall.for}:${stall.every}`]),
  ].join(',');
}

/** What c/impair.c says that it did to one direction. Waiting times in ms. */
export interface LinkReport {
  packets: number;
  bytes: number;
  delivered: number;
  deliveredBytes: number;
  lost: number;
  queueDropped: number;
  duplicated: number;
  reordered: number;
  queuePeak: number;
  /** In the queue. */
  waitP50: number;
  waitP99: number;
  /** Of the first TCP connection, with text, SYN or FIN. */
  segments: number;
  retransmitted: number;
  /** Sent again although the network had not dropped them. */
  spurious: number;
}

export interface NetworkReport {
  ab: LinkReport;
  ba: LinkReport;
  /** Packets that a host was too slow to take. */
  refused: number;
  /** How late packets were delivered, in ms: what the measurement is worth. */
  lateP50: number;
  lateP99: number;
}
