import { useSignalEffect } from '@preact/signals';
import type { ConsoleModel } from './model.ts';
import { ConfigurationPanel } from './panels/configuration.tsx';
import { StatusPanel } from './panels/status.tsx';
import { SummaryPanel } from './panels/summary.tsx';
import { DropArea } from './parts/drop-area.tsx';
import { Logo, MoonIcon, ScreenIcon, SunIcon } from './parts/icons.tsx';
import { lazy } from './parts/lazy.tsx';
import { UpdateNote } from './parts/update-note.tsx';
import { nextTheme, theme } from './theme.ts';

const ToolPanels = lazy(async () => (await import('./panels/tools.tsx')).ToolPanels);
const TunnelsPanel = lazy(async () => (await import('./panels/tunnels.tsx')).TunnelsPanel);
const OfferPanel = lazy(async () => (await import('./panels/offer.tsx')).OfferPanel);
const ScanPanel = lazy(async () => (await import('./panels/scan.tsx')).ScanPanel);

/** The page: status on top, the configuration before there is a tunnel, the tools once it works. */
export function App({ model }: { model: ConsoleModel }) {
  const connected = model.session.tunnel.value !== undefined;
  useSignalEffect(() => {
    const { headline } = model.session.line.value;
    document.title = model.session.phase.value === 'idle' ? 'Tabwire' : `${headline} · Tabwire`;
  });
  // A peer is about to answer.
  useSignalEffect(() => {
    if (model.session.status.value?.transport.state === 'open') ToolPanels.prepare();
  });
  return (
    <>
      <Header />
      <main>
        <UpdateNote model={model} />
        <StatusPanel model={model} />
        {!connected && <Arrivals model={model} />}
        {model.session.hasAnswered.value && <ToolPanels model={model} />}
        <div class={connected ? 'rows' : 'columns columns-text'}>
          <ConfigurationPanel model={model} />
          {!connected && <SummaryPanel model={model} />}
        </div>
      </main>
      <DropArea onFiles={(files) => void model.openFiles(files)} enabled={!connected} />
    </>
  );
}

/** Where tunnels come from other than the editor: a link, the camera, and those that were kept. */
function Arrivals({ model }: { model: ConsoleModel }) {
  const arrival = model.arrival.value;
  return (
    <>
      {arrival && <OfferPanel key={arrival.data} model={model} arrival={arrival} />}
      {model.scanning.value && <ScanPanel model={model} />}
      {model.book.tunnels.value.length > 0 && <TunnelsPanel model={model} />}
    </>
  );
}

const THEMES = {
  system: { text: 'System', Icon: ScreenIcon },
  light: { text: 'Light', Icon: SunIcon },
  dark: { text: 'Dark', Icon: MoonIcon },
};

function Header() {
  const { text, Icon } = THEMES[theme.value];
  return (
    <header class="header">
      <h1 class="brand">
        <Logo />
        Tabwire
      </h1>
      <p class="tagline">WireGuard in a browser tab</p>
      <button type="button" class="quiet" aria-label={`Theme: ${text.toLowerCase()}`} onClick={nextTheme}>
        <Icon />
        <span class="wide-only">{text}</span>
      </button>
    </header>
  );
}
