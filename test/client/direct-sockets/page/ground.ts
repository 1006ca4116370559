// In a page: the product, with its worker, its WASM and its channels. What stands in for `../ground.ts` there.
import { generatePrivateKey, type Tunnel } from '../../../../src/index.ts';
import { openAlone } from '../../page/tunnel.ts';
import type { Ground } from '../table.ts';

export { OUR_V4, OUR_V6 } from '../../page/tunnel.ts';
export const PEER_V4 = '10.0.0.1';

/** Rows that are shown elsewhere have no tests here. */
export const hasTest = (): boolean => true;

/** Tunnels in which a row left nothing open. */
const rested: Held[] = [];

interface Held {
  readonly tunnel: Tunnel;
  readonly privateKey: string;
}

export async function openGround(): Promise<Ground> {
  const held = rested.pop() ?? (await open(generatePrivateKey()));
  const { tunnel, privateKey } = held;
  return {
    tunnel,
    end: async () => {
      const left = await tunnel.sockets().catch(() => undefined);
      if (left?.length === 0) rested.push(held);
      else await tunnel.close({ timeout: 0 });
    },
    // Another takes its key, and its engine dies.
    die: () => void open(privateKey, true).then(({ tunnel }) => tunnel.close({ timeout: 0 })),
    turn: () => tunnel.sockets().catch(() => {}),
    watchUnhandled(note) {
      const heard = ({ reason }: PromiseRejectionEvent) => note(reason);
      addEventListener('unhandledrejection', heard);
      return () => removeEventListener('unhandledrejection', heard);
    },
  };
}

async function open(privateKey: string, takeOver = false): Promise<Held> {
  return { tunnel: await openAlone({ takeOver }, privateKey), privateKey };
}
