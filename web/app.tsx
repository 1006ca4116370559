import { useSignalEffect } from '@preact/signals';
import type { ConsoleModel } from './model.ts';
import { ConfigurationPanel } from './panels/configuration.tsx';
import { StatusPanel } from './panels/status.tsx';
import { SummaryPanel } from './panels/summary.tsx';
import { TunnelsPanel } from './panels/tunnels.tsx';
import { DropArea } from './parts/drop-area.tsx';
import { Logo, MoonIcon, ScreenIcon, SunIcon } from './parts/icons.tsx';
import { lazy } from './parts/lazy.tsx';
import { nextTheme, theme } from './theme.ts';

const ToolPanels = lazy(async () => (await import('./panels/tools.tsx')).ToolPanels);

/** The page: status on top, the configuration before there is a tunnel, the tools once it works. */
export function App({ model }: { model: ConsoleModel }) {
  const connected = model.session.tunnel.value !== undefined;
  useSignalEffect(() => {
    const { headline } = model.session.line.value;
    document.title = model.session.phase.value === 'idle' ? 'Tabwire' : `${headline} · Tabwire`;
  });
  return (
    <>
      <Header />
      <main>
        <StatusPanel model={model} />
        {!connected && <TunnelsPanel model={model} />}
        {model.session.hasAnswered.value && <ToolPanels model={model} />}
        <div class={connected ? 'rows' : 'columns columns-text'}>
          <ConfigurationPanel model={model} />
          {!connected && <SummaryPanel model={model} />}
        </div>
      </main>
      <DropArea onFile={(file) => void model.openFile(file)} enabled={!connected} />
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
      <p class="brand">
        <Logo />
        Tabwire
      </p>
      <p class="tagline">WireGuard in a browser tab</p>
      <button type="button" class="quiet" aria-label={`Theme: ${text.toLowerCase()}`} onClick={nextTheme}>
        <Icon />
        <span class="wide-only">{text}</span>
      </button>
    </header>
  );
}
