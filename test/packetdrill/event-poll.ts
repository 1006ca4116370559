import { CONSTANTS } from './constants.ts';

const EDGE = CONSTANTS.EPOLLET!;
const ONE_SHOT = CONSTANTS.EPOLLONESHOT!;
/** Told whether asked for or not. */
const ALWAYS = CONSTANTS.EPOLLERR! | CONSTANTS.EPOLLHUP!;

/** Any socket. */
export interface Watchable {
  readonly edges: Set<() => void>;
  readiness(): number;
}

interface Watched {
  readonly socket: Watchable;
  events: number;
  /** Edge-triggered: something happened since it was last told. */
  isFresh: boolean;
  readonly tell: () => void;
}

/** What epoll_create makes. */
export class EventPoll {
  readonly #watched = new Map<number, Watched>();

  add(descriptor: number, socket: Watchable, events: number): void {
    const watched: Watched = {
      socket,
      events,
      isFresh: true,
      tell: () => {
        watched.isFresh = true;
      },
    };
    socket.edges.add(watched.tell);
    this.#watched.set(descriptor, watched);
  }

  modify(descriptor: number, events: number): void {
    const watched = this.#watched.get(descriptor);
    if (!watched) return;
    watched.events = events;
    watched.isFresh = true;
  }

  remove(descriptor: number): void {
    const watched = this.#watched.get(descriptor);
    if (watched) watched.socket.edges.delete(watched.tell);
    this.#watched.delete(descriptor);
  }

  /** What there is to tell, which is told by this. */
  take(most: number): { descriptor: number; events: number }[] {
    const told: { descriptor: number; events: number }[] = [];
    for (const [descriptor, watched] of this.#watched) {
      if (told.length === most) break;
      if (watched.events & EDGE && !watched.isFresh) continue;
      const events = watched.socket.readiness() & ((watched.events & 0xffff) | ALWAYS);
      if (events === 0) continue;
      watched.isFresh = false;
      if (watched.events & ONE_SHOT) watched.events = 0;
      told.push({ descriptor, events });
    }
    return told;
  }
}
