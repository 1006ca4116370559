export const HOST_KINDS = ['chromium', 'firefox', 'node'] as const;

export type HostKind = (typeof HOST_KINDS)[number];

/** What Node can, and a page cannot, or the other way round. */
export type Place = 'worker' | 'page';

/** Somewhere else where code runs: a process of Node, or a page that nobody looks into. */
export interface Host {
  /** With its version. */
  readonly name: string;
  /** Of itself and all that it started, for what /proc knows. */
  readonly pid: number;
  /** One of procedures.ts's; argument and answer are plain data. */
  call<T>(procedure: string, argument?: unknown): Promise<T>;
  close(): Promise<void>;
}

/** A call that is on its way to a host. */
export interface Command {
  readonly id: number;
  readonly procedure: string;
  readonly argument?: unknown;
}

/** What came of it. */
export interface Outcome {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}
