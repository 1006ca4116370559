// The demo peer in a process of its own. Its one argument is the public key to let in; prints the enrolment as JSON.
import { DemoPeer } from '../../src/node/demo-peer.ts';

const peer = await DemoPeer.start();
console.log(JSON.stringify({ endpoint: peer.endpoint, ...peer.enrol(process.argv[2]!) }));
process.once('SIGTERM', () => {
  void peer.close().then(() => process.exit());
});
