// What is in a page's or a worker's memory: the text of its JavaScript heap, and the bytes of the buffers that its objects have
// in fields of theirs, WebAssembly's memory too.
import { randomUUID } from 'node:crypto';
import type { Page } from '@playwright/test';
import { type Secret, secretsIn } from './secret-scan.ts';
import { WorkerSession } from './worker-session.ts';

/** As much of a DevTools session as is asked. */
interface Inspector {
  send<Result>(method: string, params?: object): Promise<Result>;
  on<Params>(event: string, listener: (params: Params) => void): void;
}

export interface Memory {
  /** A heap snapshot, after a collection. */
  heap: string;
  /** How many bytes lie in buffers. */
  bufferBytes: number;
  /** Which of the secrets are in it, and in what form; `in a buffer` is all of it, as it is. */
  secrets: string[];
}

export async function pageMemory(page: Page, secrets: readonly Secret[]): Promise<Memory> {
  return scan((await page.context().newCDPSession(page)) as unknown as Inspector, secrets);
}

/** Of the page's one worker. */
export class WorkerMemory {
  readonly #session: WorkerSession;

  private constructor(session: WorkerSession) {
    this.#session = session;
  }

  /** From now on it does not end with its tunnel, so that what is left can be looked at. */
  static async kept(page: Page): Promise<WorkerMemory> {
    const session = await WorkerSession.of(page);
    await page.evaluate(() => (Worker.prototype.terminate = () => {}));
    await session.send('Runtime.evaluate', { expression: 'self.close = () => (self.isOver = true)' });
    return new WorkerMemory(session);
  }

  /** The engine would have closed the worker. */
  async isOver(): Promise<boolean> {
    const expression = 'self.isOver === true';
    const { result } = await this.#session.send<{ result: { value: boolean } }>('Runtime.evaluate', {
      expression,
    });
    return result.value;
  }

  scan(secrets: readonly Secret[]): Promise<Memory> {
    return scan(this.#session, secrets);
  }
}

async function scan(inspector: Inspector, secrets: readonly Secret[]): Promise<Memory> {
  const parts: string[] = [];
  inspector.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }: { chunk: string }) => parts.push(chunk));
  await inspector.send('HeapProfiler.collectGarbage');
  await inspector.send('HeapProfiler.takeHeapSnapshot', { captureNumericValue: true });
  const heap = parts.join('');
  // After it: what is looked for is then in the heap itself.
  const { names, bytes } = await inBuffers(inspector, heap, secrets);
  const inside = names.map((name) => `${name}, in a buffer`);
  return { heap, bufferBytes: bytes, secrets: [...inside, ...secretsIn(heap, secrets)] };
}

interface Found {
  names: string[];
  bytes: number;
}

/**
 * A snapshot has no bytes of buffers, and DevTools give nobody a buffer by its number in there: their owners are asked for
 * them, one by one, and WebAssembly's memories for themselves. Each takes a walk through the heap: seconds in all.
 */
async function inBuffers(inspector: Inspector, heap: string, secrets: readonly Secret[]): Promise<Found> {
  const asked = secrets.map(({ name, bytes }) => ({ name, bytes: [...bytes] }));
  const round = `round ${randomUUID()}`;
  const lookInto = async (objectId: string): Promise<Found> => {
    const { result } = await inspector.send<{ result: { value: Found } }>('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration: look.toString(),
      arguments: [{ value: asked }, { value: round }],
      returnByValue: true,
    });
    return result.value;
  };
  const found = await Promise.all(
    ownersIn(heap).map(async (number) => {
      const owner = await objectOf(inspector, number);
      if (owner === undefined) return [];
      return Promise.all([owner, ...(await buffersOf(inspector, owner))].map(lookInto));
    }),
  );
  const all = found.flat();
  return {
    names: [...new Set(all.flatMap(({ names }) => names))],
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Undefined if it is gone meanwhile, or not for scripts. */
async function objectOf(inspector: Inspector, number: string): Promise<string | undefined> {
  const asked = { objectId: number };
  const told = await inspector
    .send<{ result: Remote }>('HeapProfiler.getObjectByHeapObjectId', asked)
    .catch(() => undefined);
  return told?.result.objectId;
}

interface Remote {
  objectId?: string;
  subtype?: string;
}

/** Those in its own fields, private ones too. */
async function buffersOf(inspector: Inspector, objectId: string): Promise<string[]> {
  const { result, privateProperties = [] } = await inspector.send<
    Record<'result' | 'privateProperties', { value?: Remote }[] | undefined>
  >('Runtime.getProperties', { objectId, ownProperties: true });
  return [...result!, ...privateProperties].flatMap(({ value }) =>
    value?.objectId !== undefined && /^(arraybuffer|typedarray|dataview)$/.test(value.subtype ?? '')
      ? [value.objectId]
      : [],
  );
}

/** Runs inside, on whatever may hold bytes: which of the secrets stand in its buffer, and how long that is. Each is looked at once. */
function look(this: unknown, secrets: { name: string; bytes: number[] }[], round: string): Found {
  const looks = globalThis as unknown as Record<string, WeakSet<ArrayBuffer> | undefined>;
  const seen = (looks[round] ??= new WeakSet());
  const holds = ArrayBuffer.isView(this) || this instanceof WebAssembly.Memory;
  const buffer = holds ? this.buffer : this;
  if (!(buffer instanceof ArrayBuffer) || seen.has(buffer)) return { names: [], bytes: 0 };
  seen.add(buffer);
  const bytes = new Uint8Array(buffer);
  const names = secrets.filter(({ bytes: secret }) => {
    for (let at = bytes.indexOf(secret[0]!); at >= 0; at = bytes.indexOf(secret[0]!, at + 1))
      if (secret.every((byte, index) => bytes[at + index] === byte)) return true;
    return false;
  });
  return { names: names.map(({ name }) => name), bytes: bytes.length };
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[]]; edge_fields: string[] } };
  nodes: number[];
  edges: number[];
  strings: string[];
}

/** The numbers of the objects that have a buffer in a field, and of WebAssembly's memories. */
function ownersIn(heap: string): string[] {
  const { snapshot, nodes, edges, strings } = JSON.parse(heap) as Snapshot;
  const { node_fields: fields, node_types: types, edge_fields: edgeFields } = snapshot.meta;
  const [type, name, id, count] = ['type', 'name', 'id', 'edge_count'].map((field) =>
    fields.indexOf(field),
  ) as [number, number, number, number];
  const to = edgeFields.indexOf('to_node');
  const isObject = (node: number) => types[0][nodes[node + type]!] === 'object';
  const classOf = (node: number) => strings[nodes[node + name]!]!;
  const holdsBytes = (node: number) =>
    isObject(node) && /^(Uint8Array|\w*Buffer|DataView)$/.test(classOf(node));
  const owners: string[] = [];
  let edge = 0;
  for (let node = 0; node < nodes.length; node += fields.length) {
    const end = edge + nodes[node + count]! * edgeFields.length;
    let isOwner = isObject(node) && classOf(node).endsWith('Memory');
    for (; edge < end; edge += edgeFields.length) isOwner ||= isObject(node) && holdsBytes(edges[edge + to]!);
    if (isOwner) owners.push(String(nodes[node + id]!));
  }
  return owners;
}
