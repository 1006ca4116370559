import { describe, expect, it } from 'vitest';
import type { PeerStatus } from '../../src/index.ts';
import { KeyDispute } from '../../web/key-dispute.ts';

const PEER = 'peer 0';

/** A dispute about sessions with one peer, read once a second as the page does it. */
class Story {
  readonly dispute = new KeyDispute();
  #now = Date.UTC(2026, 0, 2);
  #handshake = this.#now;
  #received = 1000;

  constructor() {
    this.dispute.begin({ code: 'ERR_IN_USE', message: 'Elsewhere.', leg: 'peer', peer: PEER });
  }

  handshake(): this {
    this.#handshake = this.#now;
    this.#received += 92;
    return this;
  }

  /** So many seconds, in each of which so many bytes come. */
  run(seconds: number, bytes: number): this {
    for (let i = 0; i < seconds; i++) {
      this.#now += 1000;
      this.#received += bytes;
      this.dispute.read([this.#peer()], this.#now);
    }
    return this;
  }

  get isOver(): boolean {
    return this.dispute.failure.value === undefined;
  }

  #peer(): PeerStatus {
    return {
      publicKey: PEER,
      presharedKey: false,
      endpoint: '203.0.113.1:51820',
      allowedIps: [],
      latestHandshake: new Date(this.#handshake),
      transferRx: this.#received,
      transferTx: 0,
      persistentKeepalive: 0,
      handshakeAttempts: 0,
      drops: {},
    };
  }
}

describe('another device with our key', () => {
  it('stays said while sessions are lost and taken back every half minute', () => {
    const story = new Story();
    for (let i = 0; i < 20; i++) story.handshake().run(16, 128).run(17, 0);
    expect(story.isOver).toBe(false);
  });

  it('is over once the peer is heard over a session that is a minute old', () => {
    const story = new Story().handshake().run(59, 128);
    expect(story.isOver).toBe(false);
    expect(story.run(2, 128).isOver).toBe(true);
  });

  it('is not over because nothing is sent or heard: who is silent does not notice that he was robbed', () => {
    const story = new Story().handshake().run(20, 128).run(600, 0);
    expect(story.isOver).toBe(false);
    expect(story.run(1, 32).isOver).toBe(true);
  });

  it('is not over because of what came while the session was young', () => {
    const story = new Story().handshake().run(62, 0).handshake().run(30, 128).run(40, 0);
    expect(story.isOver).toBe(false);
  });

  it('is over with the peer that it is about', () => {
    const { dispute } = new Story();
    dispute.read([], 0);
    expect(dispute.failure.value).toBeUndefined();
  });
});
