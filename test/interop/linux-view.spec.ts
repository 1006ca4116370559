// What Linux and Wireshark's dissector, who know TCP, say about conversations with us.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, until } from '../support/child-process.ts';
import { startServices } from '../support/inner-programs.ts';
import { Nginx } from '../support/nginx.ts';
import type { ProgramLab } from '../support/program-lab.ts';
import { expect, test } from '../support/program-test.ts';
import { curl, curlMany, Netcat } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';

const MIB = 1024 * 1024;

/** Of Wireshark's remarks, those that no loss on the way explains. */
const FAULTS =
  /malformed|checksum|unseen|zero ?window violation|keep-?alive|ports? reused|exceeds|overlap|illegal|invalid|bogus/i;

/** All that Wireshark remarks about what passes the peer's interface during `talk`, and the number of packets. */
async function remarks(
  lab: ProgramLab,
  talk: () => Promise<void>,
): Promise<{ all: string[]; packets: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-capture-'));
  try {
    const file = join(folder, 'inside.pcap');
    const { namespace, device } = lab.peer;
    const capture = namespace.start('tshark', ['-q', '-i', device, '-B', '64', '-w', file]);
    await capture.saw(/Capturing on/);
    // It says so a moment before it does.
    await until('a captured packet', async () => {
      await lab.peer.exec('sh', '-c', `ping -c 1 -W 1 ${INNER.our4} > /dev/null || true`);
      return Number(await run('sh', ['-c', `stat -c %s ${file} 2> /dev/null || echo 0`])) > 400;
    });
    await talk();
    await capture.stop('SIGINT');
    const checks = ['tcp', 'udp', 'ip'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
    const read = (...args: string[]) => run('tshark', ['-r', file, ...checks, ...args]);
    const all = (await read('-d', 'tcp.port==1-65535,data', '-T', 'fields', '-e', '_ws.expert.message'))
      .split(/[\n,]/)
      .filter((message) => message !== '');
    return { all, packets: (await read('-T', 'fields', '-e', 'frame.number')).trim().split('\n').length };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const mtu of [1280, 1420, 9000])
  for (const family of [4, 6] as const) {
    const where = `at an MTU of ${mtu} over inner IPv${family}`;
    const ipHeader = family === 4 ? 20 : 40;

    test(`ss says of a connection with us ${where}: timestamps, SACK, window scale and the full MSS`, async ({
      startPrograms,
    }) => {
      const lab = await startPrograms({ way: 'directly', mtu });
      await startServices(lab.peer.namespace);
      // The source sends without end; nc takes it.
      const port = await lab.toPeer(family, 19);
      const taker = new Netcat(undefined, ['-d', '127.0.0.1', String(port)], Buffer.alloc(0));
      await until('a megabyte', () => taker.receivedBytes > MIB);
      const told = await lab.peer.exec('ss', '-Htoin', 'sport = :19');
      await taker.stop();
      // 12 bytes of each segment are timestamps.
      const mss = mtu - ipHeader - 20 - 12;
      expect(told).toContain(' ts sack ');
      expect(told).toMatch(/ wscale:[5-9],\d+ /);
      expect(told).toContain(` mss:${mss} `);
      expect(told).toContain(` pmtu:${mtu} `);
      expect(told).toContain(` advmss:${mss} `);
    });

    test(`Wireshark finds no fault in downloads, uploads and short connections ${where}`, async ({
      startPrograms,
    }) => {
      test.setTimeout(60_000);
      const lab = await startPrograms({ way: 'directly', mtu });
      const nginx = lab.keep(await Nginx.start(lab.peer.namespace, [1, 4 * MIB]));
      await startServices(lab.peer.namespace);
      const at = `http://127.0.0.1:${await lab.toPeer(family, 80)}`;
      const [tiny, large] = nginx.files;
      const sink = String(await lab.toPeer(family, 9));
      const { all, packets } = await remarks(lab, async () => {
        await curl(undefined, at + large!.path);
        await curlMany(undefined, `${at}${tiny!.path}?[1-20]`, '-H', 'Connection: close');
        await new Netcat(undefined, ['-N', '127.0.0.1', sink], randomBytes(4 * MIB)).end();
      });
      expect(packets).toBeGreaterThan(1000);
      expect(all.filter((message) => FAULTS.test(message))).toEqual([]);
      // It does see all the rest.
      expect(all.filter((message) => message.includes('establish request'))).toHaveLength(22);
    });

    test(`nc -u ${where}: datagrams of each size come back, whole and in fragments`, async ({
      startPrograms,
    }) => {
      const lab = await startPrograms({ way: 'directly', mtu });
      await startServices(lab.peer.namespace);
      const port = String(await lab.toPeer(family, 7));
      for (const size of [1, mtu - ipHeader - 8, mtu - ipHeader - 7, 16_000]) {
        const said = randomBytes(size);
        // One datagram for each read of nc's input, which takes up to 16 KiB.
        const { received } = await new Netcat(undefined, ['-u', '-w', '1', '127.0.0.1', port], said).end();
        expect(received.equals(said), `${size} bytes`).toBe(true);
      }
    });
  }
