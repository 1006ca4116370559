// The relay stands still, or is gone for a while, in the middle of transfers both ways at once: in Node and in a page. What
// the WebSocket holds back comes all at once afterwards, as no datagram network would ever do it.
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from '../harness/transfers.ts';
import { until } from '../support/child-process.ts';
import type { Mesh } from '../support/mesh.ts';
import { expect, test } from '../support/mesh-test.ts';
import { Nginx } from '../support/nginx.ts';
import { INNER } from '../support/real-peer.ts';

const MIB = 1024 * 1024;

/** The download and the upload, in bytes. */
const SIZE = 48 * MIB;
/** Farther than this neither gets before the interruption. */
const HOLD = 32 * MIB;
const SEGMENTS = SIZE / 1348;

/** Milliseconds from `moment` to the first movement after it. */
const resumed = ({ at }: Progress, moment: number) => (at.find((time) => time > moment) ?? Infinity) - moment;

/** How many segments Linux has got twice from us: it says so in DSACKs. */
async function gotTwice(mesh: Mesh): Promise<number> {
  const said = await mesh.peer.exec('nstat', '-asz', 'TcpExtTCPDSACKOldSent', 'TcpExtTCPDSACKOfoSent');
  return [...said.matchAll(/^TcpExtTCPDSACK\w+ +(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

interface Interruption {
  begin(mesh: Mesh): Promise<void> | void;
  /** Milliseconds. */
  lasts: number;
  /** Resolves when all works again. */
  end(mesh: Mesh): Promise<void> | void;
}

/**
 * Both transfers at once, interrupted after the first megabytes. Nothing is lost; gives back how long after the
 * interruption each moved again, and what was sent in vain.
 */
async function interrupted(mesh: Mesh, { begin, lasts, end }: Interruption) {
  const nginx = await Nginx.start(mesh.peer.namespace, [SIZE]);
  try {
    await mesh.connect();
    const file = nginx.files[0]!;
    await mesh.us.beginTransfers({
      down: { host: INNER.peer4, path: file.path },
      up: { host: INNER.peer6, size: SIZE },
      hold: HOLD,
    });
    const started = async () => {
      const { down, up } = await mesh.us.transferred();
      return down > 2 * MIB && up > 2 * MIB;
    };
    await until('some megabytes each way', started, 60_000);
    await begin(mesh);
    const before = await mesh.us.transferred();
    expect(Math.max(before.down, before.up), 'the interruption is in the middle').toBeLessThan(SIZE - MIB);
    await mesh.us.releaseTransfers();
    await delay(lasts);
    await end(mesh);
    const moment = Date.now();
    const { down, up, retransmits } = await mesh.us.transfersEnded();
    expect(down.sha256).toBe(file.sha256);
    expect(up.arrived).toBe(up.sent);
    return {
      down: resumed(down, moment),
      up: resumed(up, moment),
      retransmits,
      inVain: await gotTwice(mesh),
    };
  } finally {
    await nginx.stop();
  }
}

for (const inNode of [true, false]) {
  const who = inNode ? 'Node' : 'a page';
  const start = { way: 'through the relay', inNode, peers: [{ services: true }] } as const;

  for (const seconds of [0.5, 3, 30])
    test(`the relay stands still for ${seconds} s under ${who}: nothing is lost, and it goes on at once`, async ({
      startMesh,
    }, testInfo) => {
      test.setTimeout(240_000);
      const mesh = await startMesh(start);
      const told = await interrupted(mesh, {
        begin: ({ relay }) => void process.kill(relay!.pid, 'SIGSTOP'),
        lasts: seconds * 1000,
        end: ({ relay }) => void process.kill(relay!.pid, 'SIGCONT'),
      });
      testInfo.annotations.push({ type: 'measured', description: JSON.stringify(told) });
      const what = JSON.stringify(told);
      if (seconds < 30) {
        // Timers that had backed off meanwhile would take as long again as the silence, and more.
        expect(told.up, what).toBeLessThan(2500);
        expect(told.down, what).toBeLessThan(2500);
      } else {
        // The WebSocket is given up by then, and the new way needs a new session: at most 5 s after the last try for one.
        expect(told.up, what).toBeLessThan(7000);
        // What the peer sends waits for the peer's own timer, which an ACK of 30 s has put up.
      }
      expect(told.inVain, what).toBeLessThan(40);
      expect(told.retransmits, what).toBeLessThan(SEGMENTS / 50);
    });

  test(`the relay is killed, and starts again after a second, under ${who}: nothing is lost`, async ({
    startMesh,
  }, testInfo) => {
    test.setTimeout(120_000);
    const mesh = await startMesh(start);
    const told = await interrupted(mesh, {
      begin: ({ relay }) => relay!.kill(),
      lasts: 1000,
      end: ({ relay }) => relay!.restart(),
    });
    testInfo.annotations.push({ type: 'measured', description: JSON.stringify(told) });
    const what = JSON.stringify(told);
    // How long we wait before the next try to connect, and then the peer for its own timer.
    expect(told.up, what).toBeLessThan(6000);
    expect(told.down, what).toBeLessThan(12_000);
    expect(told.inVain, what).toBeLessThan(40);
  });
}
