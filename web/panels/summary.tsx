import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import type { TunnelConfig } from '../../src/index.ts';
import { shortKey } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { lazy } from '../parts/lazy.tsx';

const ServerSide = lazy(async () => (await import('./server-side.tsx')).ServerSide);

/** What the configuration means, before anything is connected: who we are, whom we call, what goes there. */
export function SummaryPanel({ model }: { model: ConsoleModel }) {
  const { config, issues } = model.checked.value;
  const empty = model.text.value.trim() === '';
  return (
    <section class="panel summary-panel" aria-label="Summary">
      <div class="panel-head">
        <h2>{empty ? 'How it works' : 'What it says'}</h2>
      </div>
      {empty && <Introduction model={model} />}
      {!empty && !config && (
        <p class="dim">
          {issues.length === 1 ? 'One thing needs' : 'Some things need'} a change before this can be read: see
          under the text.
        </p>
      )}
      {config && <Meaning config={config} publicKey={model.publicKey.value} />}
      {!empty && model.publicKey.value && <ForServer model={model} />}
    </section>
  );
}

function Introduction({ model }: { model: ConsoleModel }) {
  return (
    <ol class="steps">
      <li>
        <strong>Give it a configuration.</strong> Paste one, drop a .conf file anywhere on this page, or
        generate keys and send the public one to whoever runs the server.
      </li>
      <li>
        <strong>Press Connect.</strong> The keys stay in this page; encryption happens here, in a worker. The
        relay only carries sealed datagrams.
      </li>
      <li>
        <strong>Use the tunnel from this page.</strong> Open a terminal on a machine inside, move its files,
        ask web servers, find out what does not work. Nothing is installed, and no route of your computer
        changes.
      </li>
      {model.settings.value.demo && (
        <li>
          <strong>Or just look.</strong> The demo network is a real WireGuard peer next to this page’s server:
          one click, no configuration.
        </li>
      )}
    </ol>
  );
}

function Meaning({ config, publicKey }: { config: TunnelConfig; publicKey: string | undefined }) {
  const { addresses, dns, searchDomains, mtu } = config.interface;
  return (
    <>
      <dl class="meaning">
        <Fact name="This page is">
          <span class="mono">{addresses.join(', ') || 'without an address'}</span>
        </Fact>
        {publicKey && (
          <Fact name="Public key">
            <span class="mono" title={publicKey}>
              {shortKey(publicKey)}
            </span>
            <CopyButton text={publicKey} what="our public key" />
          </Fact>
        )}
        {dns.length > 0 && (
          <Fact name="DNS">
            <span class="mono">{[...dns, ...searchDomains].join(', ')}</span>
          </Fact>
        )}
        {mtu !== undefined && <Fact name="MTU">{mtu}</Fact>}
      </dl>
      {config.peers.map((peer) => (
        <dl class="meaning" key={peer.publicKey}>
          <Fact name="Peer">
            <span class="mono" title={peer.publicKey}>
              {shortKey(peer.publicKey)}
            </span>
            {peer.presharedKey && <span class="tag">preshared key</span>}
          </Fact>
          <Fact name="Endpoint">
            <span class="mono">{peer.endpoint ?? 'none: it has to call us'}</span>
          </Fact>
          <Fact name="Routes">
            <ul class="routes">
              {peer.allowedIPs.map((route) => (
                <li class="mono" key={route}>
                  {route}
                </li>
              ))}
            </ul>
          </Fact>
          {peer.persistentKeepalive !== undefined && (
            <Fact name="Keepalive">every {peer.persistentKeepalive} s</Fact>
          )}
        </dl>
      ))}
      {config.peers.some((peer) => peer.allowedIPs.some((route) => route.endsWith('/0'))) && (
        <p class="note">
          A route for everything is fine here: it means everything this page sends through the tunnel, not
          your computer’s traffic.
        </p>
      )}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What the other side must know of us; opened by generating keys, and still open while addresses are written beside them. */
function ForServer({ model }: { model: ConsoleModel }) {
  const isOpen = useSignal(false);
  const wasFresh = useRef(false);
  wasFresh.current ||= model.beforeKeys.value !== undefined;
  return (
    <details
      class="server-side"
      open={wasFresh.current}
      onToggle={(event) => (isOpen.value = event.currentTarget.open)}
    >
      <summary>For the server</summary>
      {(isOpen.value || wasFresh.current) && <ServerSide model={model} />}
    </details>
  );
}
