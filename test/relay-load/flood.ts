// npm run test:relay-flood [-- --seconds 60 --rate 40000]
//
// Clients that mean harm, 40,000 datagrams a second: random bytes, other protocols, data for nobody, handshakes by the hundred,
// damaged control records. The endpoint never answers. Towards it nothing may leave but handshake initiations of 148 bytes,
// within the ceiling; where the rule has the endpoint's public key, nothing at all.
import { parseArgs } from 'node:util';
import { load } from '../netsim/machine.ts';
import { generateKeys } from '../support/keys.ts';
import { HostileClients } from './hostile-clients.ts';
import { LoadRelay, sum } from './load-relay.ts';
import { Witness } from './witness.ts';

/** Of the relay's defaults: initiations a second to one destination, and at once after a rest. */
const [RATE, BURST] = [18, 5];
const CLIENTS = 20;

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`test:relay-flood: ${(error as Error).message}`);
  process.exitCode = 1;
}
// Clients whose sessions the relay has ended may still be in the middle of it.
process.exit();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, rate: { type: 'string', default: '40000' } },
  });
  const [seconds, rate] = [Number(values.seconds), Number(values.rate)];
  const complaints = [
    ...(await flood(seconds, rate, undefined)),
    ...(await flood(seconds, rate, generateKeys().publicKey)),
  ];
  console.log(
    complaints.length === 0
      ? 'test:relay-flood: nothing got through'
      : `test:relay-flood: FAILED: ${complaints.join('; ')}`,
  );
  return complaints.length === 0 ? 0 : 1;
}

async function flood(seconds: number, rate: number, publicKey: string | undefined): Promise<string[]> {
  const witness = await Witness.open();
  const relay = await LoadRelay.start(
    [{ host: '127.0.0.1', ports: [witness.port], ...(publicKey !== undefined && { publicKey }) }],
    {
      // What the relay sends is limited as ever; only what ends sessions is put off, so that the gate sees all of it.
      initiationsPerSecondToDestination: RATE,
      initiationsPerSecondOfClient: 1e6,
      initiationInterval: 1,
      unansweredInitiations: 1e9,
      shapeFailures: 1e9,
    },
  );
  const clients = await HostileClients.connect(relay.url, witness.port, CLIENTS);
  const began = performance.now();
  const sent = await clients.attack(rate, seconds);
  const lasted = (performance.now() - began) / 1000;
  const report = await relay.report();
  const most = BURST + RATE * (lasted + 1);
  const { datagrams, others } = witness;
  const allowed = publicKey === undefined ? most : 0;
  const name = publicKey === undefined ? 'no key in the rule' : 'public key in the rule';
  console.log(
    `${name}: ${sent} hostile datagrams in ${lasted.toFixed(0)} s (${Math.round(sent / lasted)}/s), ${report.up + sum(report.dropsUp)} judged; ${datagrams} left (at most ${Math.floor(allowed)}), ${others} of them no initiations; ${clients.reconnections} sessions ended; drops ${JSON.stringify(report.dropsUp)}; load ${load()}`,
  );
  const complaints = [
    ...(datagrams > allowed ? [`${datagrams} datagrams left, ${name}`] : []),
    ...(others > 0 ? [`${others} datagrams that are no initiations left, ${name}`] : []),
    ...(publicKey === undefined && datagrams === 0
      ? ['not even an initiation left: the endpoint was not reachable']
      : []),
    ...(relay.running ? [] : ['the relay is dead']),
  ];
  clients.close();
  await relay.stop();
  witness.close();
  return complaints;
}
