import { type EngineMemory, PacketPool, type Region } from '../packet-buffer.ts';
import { TAG_SIZE, TRANSPORT_HEADER_SIZE } from './messages.ts';

const SMALLEST_SLOT = 2048;
/** Around the packet: the header, at most 15 bytes of padding, the tag. */
const ROOM = TRANSPORT_HEADER_SIZE + 2 * TAG_SIZE;

/** Where the packets of all peers wait for their sessions: slots that a packet as large as the MTU fits in. */
export class StagingArea {
  readonly #memory: EngineMemory;
  readonly #region: Region;
  #slotSize: number;
  #pool: PacketPool;

  constructor(memory: EngineMemory, region: Region, mtu: number) {
    this.#memory = memory;
    this.#region = region;
    this.#slotSize = slotSizeFor(mtu);
    this.#pool = new PacketPool(memory, region, this.#slotSize);
  }

  get pool(): PacketPool {
    return this.#pool;
  }

  /** The longest inner packet that can wait. */
  get capacity(): number {
    return this.#slotSize - ROOM;
  }

  /** Whether packets of this MTU ask for slots of another size than there are. */
  suits(mtu: number): boolean {
    return slotSizeFor(mtu) === this.#slotSize;
  }

  /** Cuts the slots anew. None may be in use. */
  cutFor(mtu: number): void {
    this.#slotSize = slotSizeFor(mtu);
    this.#pool = new PacketPool(this.#memory, this.#region, this.#slotSize);
  }
}

function slotSizeFor(mtu: number): number {
  return Math.max(SMALLEST_SLOT, Math.ceil((mtu + ROOM) / 16) * 16);
}
