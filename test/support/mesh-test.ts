import { test as base } from './interop-test.ts';
import { Mesh, type MeshOptions } from './mesh.ts';

export { expect } from './interop-test.ts';

interface Fixtures {
  /** Brings up peers and, through the relay, a relay and a page. All of it goes away with the test. */
  startMesh: (options: MeshOptions) => Promise<Mesh>;
}

export const test = base.extend<Fixtures>({
  startMesh: async ({ browser, interopWorks: _ }, use, testInfo) => {
    const meshes: Mesh[] = [];
    await use(async (options) => {
      const mesh = await Mesh.up(options, browser);
      meshes.push(mesh);
      return mesh;
    });
    if (testInfo.status !== testInfo.expectedStatus)
      for (const mesh of meshes) {
        for (const [i, { real }] of mesh.neighbours.entries())
          await testInfo.attach(`wireguard-go-${i + 1}.log`, { body: real.log });
        if (mesh.relay) await testInfo.attach('relay.log', { body: mesh.relay.output });
      }
    for (const mesh of meshes) await mesh.down();
  },
});
