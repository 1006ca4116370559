/** The demo network that the serving process may offer: it is told our public key and answers with a configuration. */
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

export async function enrol(url: string, publicKey: string): Promise<DemoNetwork> {
  const response = await askSite(url, { publicKey });
  if (!response.ok)
    throw new Error(`The demo network refused (${response.status}): start it again and reload this page.`);
  const network = readDemoNetwork(await response.json());
  if (!network)
    throw new Error('The demo network sent an answer this page does not understand: reload this page.');
  return network;
}

/** There will be one: what it needs comes meanwhile. */
export function prepareTerminal(model: ConsoleModel): void {
  sshFormOf(model).prepare();
}

/** A terminal on the demo's machine, whose host key came with the configuration. Whoever reads the page keeps the focus. */
export async function openTerminal(model: ConsoleModel, { site, ssh }: DemoNetwork): Promise<void> {
  const host = hostOf(site);
  if (!ssh || host === '') return;
  const form = sshFormOf(model);
  form.fill(host, ssh);
  await form.open({ focus: false });
}

/** As people write it: its name, if it has one. */
export function hostOf({ name, ipv4, ipv6 }: DemoSite): string {
  return name ?? ipv4 ?? ipv6 ?? '';
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
