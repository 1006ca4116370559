// What is left of keys on the page's side after Tunnel.open, and what its errors say. Text cannot be wiped; bytes can.
import { expose, wrap } from 'comlink';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EngineApi, EngineOptions } from '../../src/bridge/api.ts';
import { EngineClient, type EngineLauncher } from '../../src/client/engine-client.ts';
import { derivePublicKey, generatePresharedKey, generatePrivateKey } from '../../src/client/keys.ts';
import { Tunnel, type TunnelOptions } from '../../src/client/tunnel.ts';
import { toBase64 } from '../../src/core/bytes.ts';
import { TunnelError } from '../../src/core/errors.ts';

/** Every array that base64 was decoded to. */
const decoded: Uint8Array[] = [];

vi.mock(import('../../src/core/bytes.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    fromBase64(text) {
      const bytes = original.fromBase64(text);
      if (bytes) decoded.push(bytes);
      return bytes;
    },
  };
});

const privateKey = generatePrivateKey();
const presharedKeys = [generatePresharedKey(), generatePresharedKey()];
const publicKeys = [derivePublicKey(generatePrivateKey()), derivePublicKey(generatePrivateKey())];
const config = `[Interface]
PrivateKey = ${privateKey}
Address = 10.0.0.2/32
${publicKeys.map((key, i) => `[Peer]\nPublicKey = ${key}\nPresharedKey = ${presharedKeys[i]}\nAllowedIPs = 10.${i}.0.0/16\n`).join('')}`;
const options: TunnelOptions = { relay: 'ws://127.0.0.1:1' };
const needs = { needsRelay: true };

/** What the engine got, as it was then: base64, so that wiping cannot change it. */
let arrived: string[];
let ports: MessagePort[];

beforeEach(() => {
  decoded.length = 0;
  arrived = [];
  ports = [];
});

afterEach(() => {
  for (const port of ports) port.close();
});

/** The engine's end; it does nothing but look. */
function engine(fail: boolean): EngineApi {
  return {
    async open({ config }: EngineOptions) {
      arrived.push(toBase64(config.privateKey as Uint8Array));
      for (const { presharedKey } of config.peers) arrived.push(toBase64(presharedKey!));
      return fail
        ? { error: { code: 'ERR_IN_USE', message: 'Somebody has it.', retryable: true } }
        : { value: undefined };
    },
    close: async () => ({ value: undefined }),
  } as unknown as EngineApi;
}

const inThisProcess =
  (fail: boolean): EngineLauncher =>
  () =>
    new EngineClient(engine(fail), () => {});

const behindComlink =
  (fail: boolean): EngineLauncher =>
  () => {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    expose(engine(fail), port1);
    return new EngineClient(wrap<EngineApi>(port2) as unknown as EngineApi, () => {});
  };

/** Of what was decoded, what can still be read, as base64. */
function legible(): string[] {
  return decoded.map((bytes) => toBase64(bytes));
}

function expectNoSecrets(): void {
  for (const secret of [privateKey, ...presharedKeys]) expect(legible()).not.toContain(secret);
  // The test sees what it is meant to see.
  for (const key of publicKeys) expect(legible()).toContain(key);
  expect(decoded.length).toBeGreaterThanOrEqual(5);
}

describe.each([
  ['in this process', inThisProcess],
  ['behind a message port', behindComlink],
])('an engine %s', (_where, launcher) => {
  it('gets the keys, and no copy of their bytes stays', async () => {
    const tunnel = await Tunnel.openWith(launcher(false), config, options, needs);
    expect(arrived).toEqual([privateKey, ...presharedKeys]);
    expectNoSecrets();
    await tunnel.close();
  });

  it('no copy stays when opening fails', async () => {
    await expect(Tunnel.openWith(launcher(true), config, options, needs)).rejects.toMatchObject({
      code: 'ERR_IN_USE',
    });
    expectNoSecrets();
  });
});

it('keys are moved to a worker, not copied: they are gone before it has answered', async () => {
  const opening = Tunnel.openWith(behindComlink(false), config, options, needs);
  await Promise.resolve();
  await Promise.resolve();
  expect(arrived).toEqual([]);
  expectNoSecrets();
  await (await opening).close();
});

it('no copy stays when the engine does not even start', async () => {
  const launch = () => Promise.reject(new TunnelError('ERR_WORKER', 'It does not start.'));
  await expect(Tunnel.openWith(launch, config, options, needs)).rejects.toMatchObject({ code: 'ERR_WORKER' });
  expectNoSecrets();
});

describe('no error says a key', () => {
  const key = generatePrivateKey();
  /** Keys that are none, each with most of one in it. */
  const spoilt = {
    'one character too few': key.slice(1),
    'one too many': `A${key}`,
    'no padding': key.slice(0, 43),
    'a letter that is none': `${key.slice(0, 20)}*${key.slice(21)}`,
    'spare bits set': `${key.slice(0, 42)}B=`,
  };
  const line = (name: string, value: string) =>
    config.replace(new RegExp(`^${name} = .*$`, 'm'), `${name} = ${value}`);

  for (const [what, text] of Object.entries(spoilt)) {
    it.each([
      ['PrivateKey', line('PrivateKey', text), options],
      ['PresharedKey', line('PresharedKey', text), options],
      ['the name is spoilt', `[Interface]\nPrivatKey = ${key}\n${what}`, options],
      ['the equals sign is missing', `[Interface]\nPrivateKey ${text}`, options],
      ['the section is missing', `PrivateKey = ${text}`, options],
      ['the option', config, { ...options, privateKey: text }],
    ])(`${what}: %s`, async (_where, file, given) => {
      const error = await Tunnel.openWith(inThisProcess(false), file, given, needs).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toMatchObject({ code: 'ERR_CONFIG' });
      const said = `${String(error)} ${(error as Error).stack} ${JSON.stringify(error)}`;
      for (let at = 0; at + 8 <= key.length; at++) expect(said).not.toContain(key.slice(at, at + 8));
    });
  }
});
