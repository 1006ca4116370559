// A chunk of its own: loaded when this page was opened by a link that holds a tunnel.
import { useComputed, useSignal } from '@preact/signals';
import { checkConfig } from '../../src/index.ts';
import type { ConsoleModel } from '../model.ts';
import { Field } from '../parts/field.tsx';
import type { Arrival } from '../tunnels/arrival.ts';
import { openMove, type Parcel, readInvite } from '../tunnels/link.ts';
import '../style/tools.css';
import '../style/tunnels.css';

/** What a link brought: shown first, and taken or left by whoever opened it. Nothing connects here. */
export function OfferPanel({ model, arrival }: { model: ConsoleModel; arrival: Arrival }) {
  const isInvite = arrival.kind === 'invite';
  const opened = useSignal<Parcel | undefined>(undefined);
  const invited = useComputed(() => (isInvite ? readInvite(arrival.data) : undefined));
  const parcel = isInvite ? invited.value : opened.value;
  return (
    <section class="panel" aria-label={isInvite ? 'Invitation' : 'From your other device'}>
      <div class="panel-head">
        <h2>{isInvite ? 'An invitation to a network' : 'A tunnel from your other device'}</h2>
      </div>
      {isInvite && !parcel && (
        <p class="note-bad" role="alert">
          This invitation is damaged: ask for it again.
        </p>
      )}
      {!isInvite && !parcel && <Unlock data={arrival.data} onOpen={(found) => (opened.value = found)} />}
      {parcel && <Contents parcel={parcel} />}
      <div class="actions">
        {parcel && (
          <button type="button" class="primary" onClick={() => model.takeParcel(parcel, isInvite)}>
            {isInvite ? 'Accept, with a new key' : 'Take it'}
          </button>
        )}
        <button type="button" onClick={() => (model.arrival.value = undefined)}>
          Leave it
        </button>
      </div>
    </section>
  );
}

function Contents({ parcel: { text, relay } }: { parcel: Parcel }) {
  const { config } = checkConfig(text);
  if (!config) return <p class="note-bad">The configuration in it cannot be read.</p>;
  const endpoints = config.peers.map(({ endpoint }) => endpoint ?? 'none: it has to call us');
  return (
    <>
      <dl class="meaning">
        <Fact name="Relay" value={relay || 'this site’s own'} />
        <Fact name="Endpoint" value={endpoints.join(', ')} />
        <Fact name="Routes" value={config.peers.flatMap(({ allowedIPs }) => allowedIPs).join(', ')} />
        <Fact name="Our address" value={config.interface.addresses.join(', ') || 'to be assigned'} />
      </dl>
      <p class="dim">Take it only if you know who sent it. Nothing is connected before you press Connect.</p>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="mono">{value}</dd>
    </div>
  );
}

function Unlock({ data, onOpen }: { data: string; onOpen: (parcel: Parcel) => void }) {
  const passphrase = useSignal('');
  const problem = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const open = async () => {
    busy.value = true;
    const result = await openMove(data, passphrase.value, Date.now());
    busy.value = false;
    problem.value = result.problem;
    if (result.parcel) onOpen(result.parcel);
  };
  return (
    <form
      class="line-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy.value) void open();
      }}
    >
      <Field
        id="move-passphrase"
        label="Passphrase that the other device shows"
        value={passphrase}
        placeholder="ABCDE-…"
      />
      <button type="submit">{busy.value ? 'Opening…' : 'Unlock'}</button>
      {problem.value && (
        <p class="note-bad" role="alert">
          {problem.value}
        </p>
      )}
    </form>
  );
}
