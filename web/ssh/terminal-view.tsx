import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import '@xterm/xterm/css/xterm.css';
import { AdviceLines } from '../parts/advice-lines.tsx';
import { theme } from '../theme.ts';
import type { Desk } from './desk.ts';
import { Finder } from './finder.tsx';
import { goFullScreen } from './full-screen.ts';
import { LinkQuestion, LoginQuestion, PasteQuestion, TrustQuestion } from './questions.tsx';
import { LEAVE_KEYS } from './terminal/own-keys.ts';
import type { TerminalTab } from './terminal-tab.ts';

/** One terminal: its screen, what it asks, and what can be done with it. */
export function TerminalView({ desk, tab }: { desk: Desk; tab: TerminalTab }) {
  const frame = useRef<HTMLDivElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const isFinding = useSignal(false);
  const { screen } = tab;
  useEffect(() => {
    screen.attach(place.current!, () => document.getElementById(`tab-${tab.id}`)?.focus());
    // It was asked for; and what is not seen is not drawn.
    frame.current!.scrollIntoView({ block: 'nearest' });
  }, [screen]);
  const shade = theme.value;
  useEffect(() => screen.recolour(), [screen, shade]);
  return (
    <div class="terminal" id={tab.id} role="tabpanel" aria-labelledby={`tab-${tab.id}`} ref={frame}>
      <div class="terminal-bar">
        <p class="terminal-state" role="status">
          {STATES[tab.phase.value]}
        </p>
        {tab.phase.value === 'ended' && (
          <button type="button" onClick={() => void tab.connect()}>
            Reconnect
          </button>
        )}
        <div class="terminal-switches">
          <Switch name="Find" isOn={isFinding.value} onClick={() => (isFinding.value = !isFinding.value)} />
          <Switch
            name="Screen reader"
            title="What is written is announced"
            isOn={screen.isSpoken.value}
            onClick={() => screen.speak(!screen.isSpoken.value)}
          />
          <Switch
            name="WebGL"
            title="Drawn by the graphics card"
            isOn={screen.drawsWithWebgl.value}
            onClick={() => screen.useWebgl(!screen.drawsWithWebgl.value)}
          />
          <button type="button" class="quiet" onClick={() => void goFullScreen(frame.current!)}>
            Full screen
          </button>
        </div>
        <button type="button" class="quiet" aria-label={`Close ${tab.name}`} onClick={() => desk.close(tab)}>
          Close
        </button>
      </div>
      {isFinding.value && <Finder tab={tab} onDone={() => (isFinding.value = false)} />}
      <AdviceLines advice={tab.advice.value} />
      <TrustQuestion tab={tab} />
      <LoginQuestion tab={tab} />
      <PasteQuestion tab={tab} />
      <LinkQuestion tab={tab} />
      <div class="terminal-screen" ref={place} />
      <p class="hint wide-only">{LEAVE_KEYS} takes the keyboard out of the terminal.</p>
    </div>
  );
}

const STATES = { connecting: 'Connecting…', open: 'Connected', ended: 'Not connected' };

interface SwitchProps {
  name: string;
  title?: string;
  isOn: boolean;
  onClick: () => void;
}

function Switch({ name, title, isOn, onClick }: SwitchProps) {
  return (
    <button type="button" class="quiet" aria-pressed={isOn} title={title} onClick={onClick}>
      {name}
    </button>
  );
}
