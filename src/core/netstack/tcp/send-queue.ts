import { StreamBuffer } from '../stream-buffer.ts';
import { add, diff } from './sequence.ts';

/** What the application wrote and the peer has not acknowledged, addressed by sequence number. */
export class SendQueue extends StreamBuffer {
  /** Sequence number of the first byte held. */
  #start = 0;
  #length = 0;

  /** Sets the sequence number of the first byte of the stream. */
  begin(sequence: number): void {
    this.#start = sequence;
  }

  get length(): number {
    return this.#length;
  }

  /** The sequence number after the last byte: where a FIN goes. */
  get end(): number {
    return add(this.#start, this.#length);
  }

  /** Bytes held from `sequence` on; negative beyond the end. */
  lengthFrom(sequence: number): number {
    return this.#length - diff(sequence, this.#start);
  }

  /** Appends up to `limit` bytes; returns how many. */
  write(bytes: Uint8Array, limit: number): number {
    const written = this.putArray(this.#length, bytes, 0, Math.min(bytes.length, limit));
    this.#length += written;
    return written;
  }

  /** Copies `length` bytes from `sequence` on to `view` at `target`. */
  copy(sequence: number, length: number, view: DataView, target: number): void {
    this.get(diff(sequence, this.#start), length, view, target);
  }

  /** Everything before `sequence` is acknowledged: gives it back. Returns how many bytes that were. */
  acknowledge(sequence: number): number {
    const length = Math.min(diff(sequence, this.#start), this.#length);
    if (length <= 0) return 0;
    this.advance(length);
    this.#start = add(this.#start, length);
    this.#length -= length;
    if (this.#length === 0) this.rewind();
    return length;
  }

  override clear(): void {
    this.#start = this.end;
    this.#length = 0;
    super.clear();
  }
}
