// Under load a sender has to show that it can be reached where it says it is, and nobody gets more than a share.
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../../src/core/endpoint.ts';
import { SECOND } from '../../../../src/core/time.ts';
import { CookieJar } from '../../../../src/core/wireguard/cookie.ts';
import { kindOf } from '../station.ts';
import { elsewhere, expectRefused, randomMessage, Scene } from './scene.ts';

const attacker: Endpoint = { host: '198.51.100.66', port: 666 };
const otherPort: Endpoint = { ...elsewhere, port: elsewhere.port + 1 };

/** A device that has had more than a hundred handshake messages with a right mac1 in the last second, all bad. */
class BusyScene extends Scene {
  /** What the opponent's messages are stamped with. */
  readonly jar = new CookieJar(this.opponent.crypto, this.station.publicKey);

  floodedAt = 0;

  constructor() {
    super();
    this.flood();
  }

  flood(): void {
    this.floodedAt = this.clock.now;
    for (let n = 0; n < 101; n++) this.station.receive(randomMessage(this, 1, 148), attacker);
    // Time enough to work off what was taken before there were too many.
    this.station.run(0.3 * SECOND);
    this.station.takeSent();
    expect(this.station.drops().bad_static).toBeGreaterThanOrEqual(100);
  }

  /** An initiation with mac2, if there is a cookie. */
  initiation(): Uint8Array {
    const { message } = this.opponent.initiate();
    this.jar.stamp(message, this.clock.now);
    return message;
  }

  /** The device refuses a message with a cookie: counted as that, no DH, and all goes to where the message came from. */
  expectCookie(message: Uint8Array, from: Endpoint): Uint8Array {
    const { station } = this;
    station.takeSent();
    const before = this.snapshot();
    const dhs = station.crypto.dhCount;
    station.receive(message, from);
    const [reply, ...rest] = station.takeSent();
    expect(rest).toEqual([]);
    expect([kindOf(reply!), reply!.bytes.length, reply!.to]).toEqual(['cookie reply', 64, from]);
    expect(reply!.bytes.slice(4, 8)).toEqual(message.slice(4, 8));
    expect(station.crypto.dhCount).toBe(dhs);
    const after = this.snapshot();
    const sent = (before.drops.cookie_sent ?? 0) + 1;
    expect(after).toEqual({ ...before, drops: { ...before.drops, cookie_sent: sent } });
    this.expectEcho();
    return reply!.bytes;
  }

  /** The opponent asks without mac2 and takes the cookie. */
  obtainCookie(from: Endpoint): void {
    const reply = this.expectCookie(this.initiation(), from);
    expect(this.jar.consumeReply(reply, this.clock.now)).toBe('stored');
  }
}

describe('under load', () => {
  it('row 29: an initiation without mac2 is refused with a cookie reply of 64 bytes to its source', () => {
    const scene = new BusyScene();
    scene.expectCookie(scene.initiation(), elsewhere);
    // Even if it is from where we know the peer to be.
    scene.expectCookie(scene.initiation(), scene.opponent.endpoint);
  });

  it('row 29: so is one whose mac2 is random, and a response', () => {
    const scene = new BusyScene();
    const message = scene.initiation();
    message.fill(0x5a, 132);
    scene.expectCookie(message, elsewhere);
    scene.expectCookie(randomMessage(scene, 2, 92), elsewhere);
  });

  it('row 29: one whose mac1 is wrong is not worth a cookie', () => {
    const scene = new BusyScene();
    const message = scene.initiation();
    message[116]! ^= 1;
    expectRefused(scene, message, { drop: 'bad_mac1' });
  });

  it('row 30: mac2 of another source port is refused with a cookie again', () => {
    const scene = new BusyScene();
    scene.obtainCookie(otherPort);
    scene.expectCookie(scene.initiation(), elsewhere);
    scene.expectCookie(scene.initiation(), { ...otherPort, host: '203.0.113.10' });
  });

  it('row 31: the right mac2 is answered', () => {
    const scene = new BusyScene();
    scene.obtainCookie(elsewhere);
    const { message, sent } = scene.opponent.initiate();
    scene.jar.stamp(message, scene.clock.now);
    const { drops } = scene.snapshot();
    scene.station.receive(message, elsewhere);
    const [response] = scene.station.takeSent();
    expect([kindOf(response!), response!.to]).toEqual(['response', elsewhere]);
    expect(scene.station.drops()).toEqual(drops);
    scene.expectEcho();
    scene.confirm(scene.opponent.complete(sent, response!.bytes));
    scene.expectEcho();
  });

  it('row 31: the sixth from one address within 50 ms is dropped, without a DH', () => {
    const scene = new BusyScene();
    scene.obtainCookie(elsewhere);
    const before = scene.station.drops();
    for (let n = 0; n < 5; n++) {
      scene.station.receive(scene.initiation(), elsewhere);
      scene.clock.advance(9);
    }
    // All five passed: the first and the fourth (27 ms later) are answered, the others came within 20 ms of those.
    expect(scene.station.takeSent().map(kindOf)).toEqual(['response', 'response']);
    expect(scene.station.drops()).toEqual({ ...before, initiation_flood: 3 });
    expectRefused(scene, scene.initiation(), { drop: 'ratelimited' });
    // 50 ms bring one more.
    scene.clock.advance(50);
    scene.station.receive(scene.initiation(), elsewhere);
    expect(scene.station.drops()).toMatchObject({ initiation_flood: 3, ratelimited: 1 });
    expectRefused(scene, scene.initiation(), { drop: 'ratelimited' });
  });

  it('row 31: another address has its own five', () => {
    const scene = new BusyScene();
    scene.obtainCookie(elsewhere);
    for (let n = 0; n < 5; n++) scene.station.receive(scene.initiation(), elsewhere);
    scene.obtainCookie({ host: '203.0.113.77', port: 9 });
    scene.clock.advance(21);
    scene.station.takeSent();
    scene.station.receive(scene.initiation(), { host: '203.0.113.77', port: 9 });
    expect(scene.station.takeSent().map(kindOf)).toEqual(['response']);
  });

  it('lasts for a second after the flood; then mac2 is not asked for', () => {
    const scene = new BusyScene();
    scene.expectCookie(scene.initiation(), elsewhere);
    scene.clock.advance(1001);
    const message = scene.initiation();
    message.fill(0x5a, 132);
    scene.answerTo(message);
  });

  it('the secret behind the cookies is 120 s old at most: 119.9 s are, 120.1 s are not', () => {
    for (const [age, wanted] of [
      [119.9, 'response'],
      [120.1, 'cookie reply'],
    ] as const) {
      const scene = new BusyScene();
      // With the first reply of all, in the flood.
      const madeAt = scene.floodedAt;
      // Nobody's clock but the device's: a client would not use it for longer than 115 s.
      const cookie = takeCookie(scene);
      scene.clock.moveTo(madeAt + age * SECOND - 500);
      scene.flood();
      scene.clock.moveTo(madeAt + age * SECOND);
      const { message } = scene.opponent.initiate();
      message.set(scene.opponent.crypto.mac(cookie, message.slice(0, 132)), 132);
      scene.station.receive(message, elsewhere);
      expect(scene.station.takeSent().map(kindOf)).toEqual([wanted]);
    }
  });
});

/** The cookie itself, from a reply to a fresh message. */
function takeCookie(scene: BusyScene): Uint8Array {
  const { crypto } = scene.opponent;
  const message = scene.opponent.initiate().message;
  const reply = scene.expectCookie(message, elsewhere);
  const key = crypto.hash(new TextEncoder().encode('cookie--'), scene.station.publicKey);
  return crypto.xOpenBytes(key, reply.slice(8, 32), reply.slice(32), message.slice(116, 132))!;
}
