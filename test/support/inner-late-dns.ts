// A DNS server that is late: `node --import tsx inner-late-dns.ts ADDRESS MS SERVER`. Hands queries on to SERVER and its
// answers back, each after so many milliseconds; "never" answers nothing. Prints "ready", and the number of queries.
import { createSocket } from 'node:dgram';

const [address, delay, server] = process.argv.slice(2) as [string, string, string];
const socket = createSocket('udp4');
let queries = 0;
socket.on('message', (query, { address: from, port }) => {
  console.log(`queries ${++queries}`);
  if (delay === 'never') return;
  const onward = createSocket('udp4');
  onward.on('message', (answer) => {
    onward.close();
    setTimeout(() => socket.send(answer, port, from), Number(delay));
  });
  onward.send(query, 53, server);
});
socket.bind(53, address, () => console.log('ready'));
