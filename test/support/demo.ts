// Everything around the page in a browser test: the embedded demo peer, the real relay, and the built page.
import { join } from 'node:path';
import { Child } from './child-process.ts';
import { generateKeys, type KeyPair } from './keys.ts';
import { PageServer } from './page-server.ts';
import { RelayProcess } from './relay-process.ts';

interface Enrolment {
  endpoint: string;
  config: string;
  site: { ipv4: string; ipv6: string; downloadPath: string };
}

export class Demo {
  readonly keys: KeyPair = generateKeys();
  relay!: RelayProcess;
  site!: PageServer;
  endpoint = '';
  /** Our configuration, as a user would paste it. */
  config = '';
  /** Where the demo's services are, inside. */
  peer4 = '';
  peer6 = '';
  /** Our own address inside. */
  our4 = '';
  /** Of a file of 8 MiB that the demo's web site serves with its Repr-Digest. */
  downloadPath = '';
  #peer: Child | undefined;
  readonly #undo: (() => Promise<void>)[] = [];

  static async up(): Promise<Demo> {
    const demo = new Demo();
    try {
      await demo.#up();
    } catch (error) {
      await demo.down();
      throw error;
    }
    return demo;
  }

  async #up(): Promise<void> {
    const script = join(import.meta.dirname, 'demo-child.ts');
    const peer = new Child(process.execPath, ['--import', 'tsx', script, this.keys.publicKey]);
    this.#peer = peer;
    this.#undo.push(() => peer.stop());
    const [enrolment] = await Promise.all([peer.saw(/^{.*}$/m), this.#startSite()]);
    const { endpoint, config, site } = JSON.parse(enrolment[0]) as Enrolment;
    this.endpoint = endpoint;
    this.config = config.replace('[Interface]\n', `[Interface]\nPrivateKey = ${this.keys.privateKey}\n`);
    this.peer4 = site.ipv4;
    this.peer6 = site.ipv6;
    this.our4 = /^Address = ([0-9.]+)/m.exec(config)![1]!;
    this.downloadPath = site.downloadPath;
    this.relay = await RelayProcess.start({ allow: [endpoint], origins: [this.site.origin] });
    this.#undo.push(() => this.relay.stop());
  }

  async #startSite(): Promise<void> {
    // Any port of loopback: some tests name a relay that is not there.
    this.site = await PageServer.start(join(import.meta.dirname, '../../dist/harness'), () => [
      'ws://127.0.0.1:*',
    ]);
    this.#undo.push(() => this.site.stop());
  }

  /** What peer and relay printed. */
  get output(): string {
    return `${this.#peer?.output}\n${this.relay?.output}`;
  }

  async down(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}
