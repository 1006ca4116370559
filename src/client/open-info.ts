/** Where an object made by `withStreams` finds its streams. */
const STREAMS = Symbol('streams');

/** What makes a socket's streams when they are first asked for, and gives the same ones ever after. */
export interface LazyStreams {
  readonly readable: unknown;
  readonly writable: unknown;
}

type Holder = object & { [STREAMS]: LazyStreams };

/** Shared by all, so that each object costs its values only. */
const MEMBERS: PropertyDescriptorMap = { readable: member('readable'), writable: member('writable') };

/**
 * The dictionary that a socket's `opened` resolves with: `readable`, `writable`, and the members of `rest`. Streams are
 * heavy, and a socket that only waits needs none: they are made on first access, though they are listed, spread and
 * replaced as any other member is.
 */
export function withStreams<Streams extends LazyStreams, Rest extends object>(
  streams: Streams,
  rest: Rest,
): Rest & Pick<Streams, 'readable' | 'writable'> {
  const info = Object.defineProperty({}, STREAMS, { value: streams });
  Object.defineProperties(info, MEMBERS);
  return Object.assign(info, rest) as Rest & Pick<Streams, 'readable' | 'writable'>;
}

function member(name: keyof LazyStreams): PropertyDescriptor {
  return {
    enumerable: true,
    configurable: true,
    get(this: Holder) {
      return this[STREAMS][name];
    },
    set(this: Holder, value: unknown) {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
  };
}
