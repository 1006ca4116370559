import { setTimeout as delay } from 'node:timers/promises';
import type { TunnelError } from '../../src/index.ts';
import { Tunnel } from '../../src/node/index.ts';
import { connect, editor, region, status } from '../support/console-test.ts';
import { expect, test } from '../support/interop-test.ts';
import { generateKeys, type KeyPair } from '../support/keys.ts';
import { RealClient } from '../support/real-client.ts';
import { INNER, RealPeer } from '../support/real-peer.ts';

/** A tunnel that pings its peer every second, and what it says. */
class Watched {
  readonly tunnel: Tunnel;
  readonly errors: { error: TunnelError; at: number }[] = [];
  replies = 0;
  readonly #stop = new AbortController();
  readonly #log: string[];

  private constructor(tunnel: Tunnel, log: string[]) {
    this.tunnel = tunnel;
    this.#log = log;
    tunnel.addEventListener('error', ({ detail: { error } }) => this.errors.push({ error, at: Date.now() }));
    void this.#ping().catch(() => {}); // aborted
  }

  static async open(keys: KeyPair, peer: RealPeer): Promise<Watched> {
    const log: string[] = [];
    const tunnel = await Tunnel.open(
      `[Interface]
PrivateKey = ${keys.privateKey}
Address = ${INNER.our4}/24
[Peer]
PublicKey = ${peer.publicKey}
Endpoint = ${peer.endpoint}
AllowedIPs = ${INNER.peer4}/32
`,
      { logger: (_level, message) => log.push(message) },
    );
    await tunnel.ready;
    return new Watched(tunnel, log);
  }

  /** How often the log says this, of the peer. */
  said(text: string): number {
    return this.#log.filter((line) => /^peer\(.{4}….{4}\) - /.test(line) && line.endsWith(text)).length;
  }

  async #ping(): Promise<void> {
    const { signal } = this.#stop;
    for await (const { ok } of this.tunnel.ping(INNER.peer4, { interval: 1000, signal }))
      if (ok) this.replies++;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.tunnel.close({ timeout: 0 });
  }
}

test('another device with our key is told within two and a half minutes; without one nothing is said', async ({
  interopWorks,
}) => {
  expect(interopWorks).toBe(true);
  test.setTimeout(240_000);
  const [ours, alone] = [generateKeys(), generateKeys()];
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const peer = await RealPeer.up({ publicKey: ours.publicKey });
    undo.push(() => peer.down());
    const otherPeer = await RealPeer.up({ publicKey: alone.publicKey });
    undo.push(() => otherPeer.down());
    const disputed = await Watched.open(ours, peer);
    undo.push(() => disputed.close());
    const undisputed = await Watched.open(alone, otherPeer);
    undo.push(() => undisputed.close());
    await delay(3000);
    expect(disputed.replies).toBeGreaterThan(1);

    const started = Date.now();
    const rival = await RealClient.up(peer, ours.privateKey, 1);
    undo.push(() => rival.down());
    await expect.poll(() => disputed.errors.length, { timeout: 150_000, intervals: [500] }).toBe(1);
    const { error, at } = disputed.errors[0]!;
    expect(error).toMatchObject({ code: 'ERR_IN_USE', retryable: true, leg: 'peer', peer: peer.publicKey });
    expect(error.message).toMatch(/^This key is probably in use elsewhere: /);
    expect(at - started).toBeGreaterThan(60_000);
    // Both throw each other out, and say so in the same words.
    const silence = 'Retrying handshake because we stopped hearing back after 15 seconds';
    expect(disputed.said(silence)).toBeGreaterThanOrEqual(4);
    expect(rival.log.split(silence).length - 1).toBeGreaterThanOrEqual(2);
    // Told once, and the tunnel goes on trying.
    await delay(20_000);
    expect(disputed.errors).toHaveLength(1);
    expect(undisputed.errors).toEqual([]);
    expect(undisputed.said(silence)).toBe(0);
    expect(undisputed.replies).toBeGreaterThan(60);
  } finally {
    for (const stop of undo.reverse()) await stop();
  }
});

test('the console says that another device has its key, for as long as both keep trying, and no longer', async ({
  page,
  startLab,
}) => {
  test.setTimeout(480_000);
  const lab = await startLab({ site: 'console' });
  await editor(page).fill(lab.config);
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relay.url);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  const ping = region(page, 'Ping');
  await ping.getByRole('textbox', { name: 'Address' }).fill(INNER.peer4);
  await ping.getByRole('button', { name: 'Start ping' }).click();
  await expect(ping.getByRole('list', { name: 'Latest replies' })).toContainText('ms');
  const alert = status(page).getByRole('alert').first();
  await expect(alert).toBeEmpty();
  const doctor = region(page, 'Path doctor');
  const outcome = doctor.getByRole('status');
  const legs = doctor.getByRole('listitem');

  const rival = await RealClient.up(lab.peer, lab.keys.privateKey, 1);
  try {
    await expect(alert).toContainText('Another device probably uses this key too', { timeout: 180_000 });
    await expect(alert).toContainText('give each device a key of its own');
    // A handshake works at once, and is taken away again: to the path doctor that is no way that works.
    await page.getByText('Diagnose', { exact: true }).click();
    await expect(outcome).toContainText('works up to here: handshake', { timeout: 30_000 });
    await expect(legs.filter({ hasText: 'Handshake' })).toContainText(
      'Another device probably uses this key too',
    );
    // Each half minute a session is lost, and the next handshake works at once: that is no answer to it.
    for (let seconds = 0; seconds < 45; seconds += 3) {
      await delay(3000);
      await expect(alert).toContainText('Another device probably uses this key too');
    }
    expect(rival.log.split('we stopped hearing back after 15 seconds').length - 1).toBeGreaterThanOrEqual(2);
  } finally {
    await rival.down();
  }
  await expect(alert).toBeEmpty({ timeout: 120_000 });
  await expect(status(page).getByRole('status').first()).toContainText('Connected');
  await doctor.getByRole('button', { name: 'Look again' }).click();
  await expect(outcome).toHaveText('The whole way works.', { timeout: 30_000 });
});
