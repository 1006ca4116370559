// The files in relay/deploy, as far as they can be judged without the programs that read them. interop/proxies.spec.ts
// runs the proxies.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { createRelay } from '../../relay/index.ts';
import { readConfigFile } from '../../src/cli/relay-file.ts';
import { parseFlags } from '../../src/cli/relay-options.ts';

const folder = join(import.meta.dirname, '../../relay/deploy');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const METRIC = /\b(?:wgrelay|process|nodejs)_[a-z0-9_]+/g;

/** Every metric that a relay serves. */
async function served(): Promise<Set<string>> {
  const relay = createRelay({ listen: '127.0.0.1:0', admin: '127.0.0.1:0', allow: ['127.0.0.1:51820'] });
  await relay.listen();
  const response = await fetch(`http://127.0.0.1:${relay.adminPort}/metrics`);
  const names = (await response.text()).matchAll(/^# TYPE (\S+)/gm);
  await relay.close();
  return new Set([...names].map((match) => match[1]!));
}

interface Manifest {
  kind: string;
  spec: {
    selector?: { matchLabels?: object; app?: string };
    template?: {
      spec: { containers: { args: string[]; ports: { name: string; containerPort: number }[] }[] };
    };
  };
}

describe('deploy files', () => {
  it.each(['grafana.json', 'alerts.yaml', 'kubernetes.yaml'])(
    '%s names only metrics that there are',
    async (name) => {
      const metrics = await served();
      const named = [...new Set(read(name).match(METRIC))];
      expect(named.length).toBeGreaterThan(0);
      expect(named.filter((metric) => !metrics.has(metric))).toEqual([]);
    },
  );

  it('the dashboard shows each of the relay’s own metrics but two', async () => {
    const dashboard = JSON.parse(read('grafana.json')) as {
      panels: { id: number; targets: { expr: string }[] }[];
    };
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const shown = dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(METRIC) ?? []),
    );
    const missing = [...(await served())].filter(
      (name) => name.startsWith('wgrelay_') && !shown.includes(name),
    );
    expect(missing.length).toBeLessThanOrEqual(2);
  });

  it.each(['kubernetes.yaml', 'compose.yaml', 'alerts.yaml'])('%s is YAML without duplicates', (name) => {
    for (const document of parseAllDocuments(read(name), { uniqueKeys: true })) {
      expect([...document.errors, ...document.warnings]).toEqual([]);
      expect(document.toJS()).toBeTypeOf('object');
    }
  });

  it('the commands in them are ones that tabwire understands', () => {
    const deployment = parseAllDocuments(read('kubernetes.yaml'))[0]!.toJS() as Manifest;
    const [container] = deployment.spec.template!.spec.containers;
    const { services } = parseAllDocuments(read('compose.yaml'))[0]!.toJS() as {
      services: { relay: { command: string[] } };
    };
    const unit = /main\.js relay (.*)$/m.exec(read('tabwire-relay@.service'))![1]!.split(' ');
    for (const args of [container!.args, services.relay.command, unit])
      expect(parseFlags(args).config).toBe('/etc/tabwire/relay.json');
    expect(container!.ports.map(({ containerPort }) => containerPort)).toEqual([8080, 9464]);
  });

  it('all manifests are about the same pods', () => {
    const selectors = parseAllDocuments(read('kubernetes.yaml')).flatMap((document) => {
      const { spec } = document.toJS() as Manifest;
      return spec.selector ? [spec.selector.matchLabels ?? spec.selector] : [];
    });
    expect(selectors).toHaveLength(3);
    for (const selector of selectors) expect(selector).toEqual({ app: 'tabwire-relay' });
  });

  it('relay.json has settings that exist', () => {
    // The key that it names is the operator's to make.
    expect(() => readConfigFile(join(folder, 'relay.json'))).toThrow(/cannot read relay-key\.pub/);
  });
});
