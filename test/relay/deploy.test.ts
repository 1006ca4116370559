// The files in relay/deploy, as far as they can be judged without the programs that read them. interop/proxies.spec.ts
// runs the proxies.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readConfigFile } from '../../src/cli/relay-file.ts';
import { parseFlags } from '../../src/cli/relay-options.ts';
import { createRelay, DEFAULT_LIMITS, DRAIN, parseListen } from '../../src/relay-host/index.ts';

const folder = join(import.meta.dirname, '../../relay/deploy');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const METRIC = /\b(?:wgrelay|process|nodejs)_[a-z0-9_]+/g;

/** Each once; of a histogram its own name. */
function namedIn(text: string): string[] {
  return [...new Set((text.match(METRIC) ?? []).map((name) => name.replace(/_bucket$/, '')))];
}

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
      const named = namedIn(read(name));
      expect(named.length).toBeGreaterThan(0);
      expect(named.filter((metric) => !metrics.has(metric))).toEqual([]);
    },
  );

  it('the dashboard shows each of the relay’s own metrics but two', async () => {
    const dashboard = JSON.parse(read('grafana.json')) as {
      panels: { id: number; targets: { expr: string }[] }[];
    };
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const shown = dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namedIn(expr)));
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

  it('the image starts what the package says is its program, and the ports are those of the settings', () => {
    const image = read('Containerfile');
    const [, entry] = /^ENTRYPOINT (\[.*\])$/m.exec(image)!;
    const { bin, scripts } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8')) as {
      bin: Record<string, string>;
      scripts: Record<string, string>;
    };
    expect((JSON.parse(entry!) as string[]).slice(-2)).toEqual([join('/app', bin.tabwire!), 'relay']);
    const [, command] = /^CMD (\[.*\])$/m.exec(image)!;
    expect(parseFlags(JSON.parse(command!) as string[]).config).toBe('/etc/tabwire/relay.json');
    for (const [, script] of image.matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty([script!]);
    expect(/^EXPOSE (.*)$/m.exec(image)![1]).toBe('8080 9464');
    // What stays in the image is what `dist` needs: no sources, no tools.
    const copied = [...image.matchAll(/^COPY --from=build \/app\/(\S+)/gm)].map((match) => match[1]);
    expect(copied).toEqual(['package.json', 'node_modules', 'dist']);
  });

  it('the operator’s keys come neither into an image’s layers nor into git, nor does what was built outside', () => {
    const [ignoredByImage, ignoredByGit] = ['.dockerignore', '.gitignore'].map((name) =>
      readFileSync(join(folder, '../..', name), 'utf8').split(/\/?\n/),
    );
    // README.md has them made in this folder.
    expect(ignoredByImage).toEqual(
      expect.arrayContaining(['relay/deploy/etc', '.git', 'node_modules', 'dist']),
    );
    expect(ignoredByGit).toContain('relay/deploy/etc');
  });

  it('the compose file leads to files that are there, and Caddy to the relay’s port', () => {
    const { services } = parseAllDocuments(read('compose.yaml'))[0]!.toJS() as {
      services: {
        relay: { build: { context: string; dockerfile: string }; expose: string[]; command: string[] };
        caddy: { environment: { RELAY_UPSTREAM: string }; volumes: string[] };
      };
    };
    const { build, expose, command } = services.relay;
    expect(existsSync(join(folder, build.context, build.dockerfile))).toBe(true);
    const [, port] = services.caddy.environment.RELAY_UPSTREAM.split(':');
    const { admin } = parseFlags(command);
    expect(expose).toEqual([port, admin!.split(':')[1]]);
    expect(services.caddy.volumes[0]).toBe('./Caddyfile:/etc/caddy/Caddyfile:ro');
    expect(read('compose.yaml')).toContain(`"listen": "0.0.0.0:${port}"`);
    // Its network is what the relay is told to trust.
    const [, subnet] = /subnet: ([^ ]+)/.exec(read('compose.yaml'))!;
    for (const text of [read('compose.yaml'), readFileSync(join(folder, '../README.md'), 'utf8')])
      expect(text).toContain(`"trustedProxies": ["${subnet}"]`);
  });

  it('the three proxies lead to the ports that systemd starts relays on, at the relay’s path', () => {
    const instances = [...read('tabwire-relay@.service').matchAll(/tabwire-relay@(\d+)/g)].map(
      (match) => match[1]!,
    );
    expect(instances).toEqual(['8081', '8082']);
    for (const name of ['nginx.conf', 'haproxy.cfg', 'Caddyfile']) {
      const ports = [...read(name).matchAll(/127\.0\.0\.1:(\d+)/g)].map((match) => match[1]!);
      expect(ports, name).toEqual(instances);
      // What load balancers ask is nobody else's business, and must be refused before it is passed on.
      expect(read(name), name).toMatch(/\/readyz/);
    }
    const unit = /main\.js relay (.*)$/m.exec(read('tabwire-relay@.service'))![1]!;
    const { listen, admin } = parseFlags(unit.replaceAll('%i', instances[0]!).split(' '));
    expect([listen, admin].map((text) => parseListen(text!))).toEqual([
      { host: '127.0.0.1', port: 8081 },
      { host: '127.0.0.1', port: 18_081 },
    ]);
  });

  it('whoever supervises the relay waits longer than it may take to drain', () => {
    const { delay, max } = v.parse(DRAIN, {});
    const seconds = [
      /TimeoutStopSec=(\d+)/.exec(read('tabwire-relay@.service'))![1],
      /stop_grace_period: (\d+)s/.exec(read('compose.yaml'))![1],
      /terminationGracePeriodSeconds: (\d+)/.exec(read('kubernetes.yaml'))![1],
      /hard-stop-after (\d+)s/.exec(read('haproxy.cfg'))![1],
      /worker_shutdown_timeout (\d+)s/.exec(read('nginx.conf'))![1],
    ].map(Number);
    for (const wait of seconds) expect(wait).toBeGreaterThanOrEqual(delay + max);
  });

  it('a silent WebSocket lives through the proxies from one of the relay’s pings to the next but one', () => {
    const waits = [/timeout tunnel +(\d+)s/.exec(read('haproxy.cfg'))![1]];
    for (const name of ['proxy_read_timeout', 'proxy_send_timeout'])
      waits.push(new RegExp(`${name} (\\d+)s`).exec(read('nginx.conf'))![1]);
    for (const wait of waits) expect(1000 * Number(wait)).toBeGreaterThan(2 * DEFAULT_LIMITS.pingInterval);
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
