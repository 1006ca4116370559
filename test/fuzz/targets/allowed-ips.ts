// Cryptokey routing (WG §2) against a linear list: inserting, moving, removing and looking up prefixes that meet.
import { deepStrictEqual, strictEqual } from 'node:assert';
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import { AllowedIps } from '../../../src/core/wireguard/allowed-ips.ts';
import { LinearRoutes } from '../../reference/linear-routes.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'allowed-ips';

const OWNERS = ['a', 'b', 'c', 'd'];
/** Few different bytes, so that prefixes overlap. */
const BYTES = [0, 1, 0x7f, 0x80, 0xff];

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const table = new AllowedIps<string>();
  const twin = new LinearRoutes<string>();
  for (let n = 0; n < 120; n++) {
    const address = makeAddress(random);
    const prefix = new IpPrefix(address, random.below(address.bytes.length * 8 + 1));
    const owner = OWNERS[random.below(OWNERS.length)]!;
    switch (random.below(12)) {
      case 0:
        table.removeOwner(owner);
        twin.removeOwner(owner);
        break;
      case 1:
      case 2:
        table.remove(prefix, owner);
        twin.remove(prefix, owner);
        break;
      case 3: {
        // Exactly one that is there.
        const [text] = twin.prefixesOf(owner);
        if (text === undefined) break;
        table.remove(IpPrefix.parse(text)!, owner);
        twin.remove(IpPrefix.parse(text)!, owner);
        break;
      }
      default:
        table.insert(prefix, owner);
        twin.insert(prefix, owner);
    }
    look(table, twin, address, random);
    look(table, twin, makeAddress(random), random);
  }
  for (const owner of OWNERS)
    deepStrictEqual(table.prefixesOf(owner).map(String).sort(), twin.prefixesOf(owner).sort(), owner);
}

function makeAddress(random: SeededRandom): IpAddress {
  const bytes = random.bytes(random.below(2) === 0 ? 4 : 16);
  if (random.below(8) > 0) for (const i of bytes.keys()) bytes[i] = BYTES[random.below(BYTES.length)]!;
  return new IpAddress(bytes);
}

/** Looks the address up where it lies among other bytes. */
function look(
  table: AllowedIps<string>,
  twin: LinearRoutes<string>,
  address: IpAddress,
  random: SeededRandom,
): void {
  const memory = random.bytes(24);
  const at = random.below(24 - address.bytes.length + 1);
  memory.set(address.bytes, at);
  strictEqual(table.lookup(memory, at, address.version), twin.lookup(address), address.toString());
}
