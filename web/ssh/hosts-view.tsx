import { keyTypeName } from './fingerprint.ts';
import type { KnownHosts } from './known-hosts.ts';

/** The host keys that are trusted. */
export function HostsView({ hosts }: { hosts: KnownHosts }) {
  const list = hosts.hosts.value;
  return (
    <details class="keep">
      <summary>
        Known hosts <span class="dim">{list.length || 'none'}</span>
      </summary>
      <p class="hint">
        Each belongs to one tunnel identity, host and port. Forgetting one means being asked again the next
        time.
      </p>
      <ul class="tunnels" aria-label="Known hosts">
        {list.map((host) => (
          <li class="tunnel" key={host.id}>
            <div class="tunnel-line">
              <span class="tunnel-name">
                <strong>
                  {host.host}, port {host.port}
                </strong>
              </span>
              <span class="mono dim known-host-key" title={`For the tunnel of ${host.identity}`}>
                {keyTypeName(host.keyType)} {host.fingerprint}
              </span>
              <button
                type="button"
                class="quiet"
                aria-label={`Forget ${host.host}, port ${host.port}`}
                onClick={() => void hosts.forget(host.id)}
              >
                Forget
              </button>
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}
