/** The demo network that the serving process may offer: it is told our public key and answers with a configuration. */
import { batch } from '@preact/signals';
import { derivePublicKey, generatePrivateKey } from '../src/index.ts';
import { setPrivateKey } from './config-text.ts';
import { askSite } from './hooks.ts';
import type { ConsoleModel } from './model.ts';
import { isRecord, readStrings } from './settings.ts';
import { sshFormOf } from './ssh/form.ts';

export interface DemoNetwork {
  /** wg-quick text without a PrivateKey. */
  config: string;
  /** Empty: as in the site's settings. */
  relay: string[];
  site: DemoSite;
  /** Undefined where the demo has no SSH server. */
  ssh: DemoSsh | undefined;
}

export interface DemoSsh {
  port: number;
  username: string;
  /** Base64 of the public key as SSH sends it. */
  hostKey: string;
}

export interface DemoSite {
  /** Of the machine, for the DNS server of the configuration. */
  name: string | undefined;
  ipv4: string | undefined;
  ipv6: string | undefined;
  port: number;
  downloadPath: string;
}

export async function tryDemo(model: ConsoleModel, url: string): Promise<void> {
  const form = sshFormOf(model);
  // What a terminal needs comes meanwhile.
  form.prepare();
  const privateKey = generatePrivateKey();
  const network = await enrol(url, derivePublicKey(privateKey));
  model.renew(setPrivateKey(network.config, privateKey));
  const { config } = model.checked.value;
  if (!config)
    throw new Error('The demo network sent a configuration that does not parse: reload this page.');
  const host = hostOf(network.site);
  fillTools(model, host, network.site);
  const relays = network.relay.length > 0 ? network.relay : model.settings.value.relay;
  if (!(await model.open(config, relays.join(' '), false))) return;
  if (network.ssh && host !== '') {
    form.fill(host, network.ssh);
    // Whoever reads the page keeps the focus.
    void form.open({ focus: false });
  }
  void model.startPing();
  void model.startDownload();
}

async function enrol(url: string, publicKey: string): Promise<DemoNetwork> {
  const response = await askSite(url, { publicKey }).catch(() => undefined);
  if (!response)
    throw new Error(
      'The demo network does not answer: check that the program that served this page still runs.',
    );
  if (!response.ok)
    throw new Error(`The demo network refused (${response.status}): start it again and reload this page.`);
  const network = readDemoNetwork(await response.json().catch(() => undefined));
  if (!network)
    throw new Error('The demo network sent an answer this page does not understand: reload this page.');
  return network;
}

/** As people write it: its name, if it has one. */
function hostOf({ name, ipv4, ipv6 }: DemoSite): string {
  return name ?? ipv4 ?? ipv6 ?? '';
}

function fillTools(model: ConsoleModel, host: string, { port, downloadPath }: DemoSite): void {
  batch(() => {
    model.pingHost.value = host;
    model.downloadHost.value = host;
    model.downloadPort.value = String(port);
    model.downloadPath.value = downloadPath;
  });
}

export function readDemoNetwork(value: unknown): DemoNetwork | undefined {
  if (!isRecord(value) || typeof value.config !== 'string' || !isRecord(value.site)) return undefined;
  const { name, ipv4, ipv6, port, downloadPath } = value.site;
  return {
    config: value.config,
    relay: readStrings(value.relay),
    site: {
      name: typeof name === 'string' ? name : undefined,
      ipv4: typeof ipv4 === 'string' ? ipv4 : undefined,
      ipv6: typeof ipv6 === 'string' ? ipv6 : undefined,
      port: typeof port === 'number' ? port : 80,
      downloadPath: typeof downloadPath === 'string' ? downloadPath : '/',
    },
    ssh: readSsh(value.ssh),
  };
}

function readSsh(value: unknown): DemoSsh | undefined {
  if (!isRecord(value)) return undefined;
  const { port, username, hostKey } = value;
  return typeof port === 'number' && typeof username === 'string' && typeof hostKey === 'string'
    ? { port, username, hostKey }
    : undefined;
}
