import { test as base } from './interop-test.ts';
import { ProgramLab, type ProgramLabOptions } from './program-lab.ts';

export { expect } from './interop-test.ts';

interface Fixtures {
  /** Brings up a peer, our tunnel in this process and a forwarder. All of it goes away with the test. */
  startPrograms: (options: ProgramLabOptions) => Promise<ProgramLab>;
}

export const test = base.extend<Fixtures>({
  startPrograms: async ({ interopWorks: _ }, use, testInfo) => {
    const labs: ProgramLab[] = [];
    await use(async (options) => {
      const lab = await ProgramLab.up(options);
      labs.push(lab);
      return lab;
    });
    if (testInfo.status !== testInfo.expectedStatus)
      for (const lab of labs) {
        await testInfo.attach('wireguard-go.log', { body: lab.peer.log });
        await testInfo.attach('status.json', { body: JSON.stringify(await lab.tunnel.status(), null, 1) });
        if (lab.relay) await testInfo.attach('relay.log', { body: lab.relay.output });
      }
    for (const lab of labs) await lab.down();
  },
});
