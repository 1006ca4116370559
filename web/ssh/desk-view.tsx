import { useEffect, useRef } from 'preact/hooks';
import '../style/tunnels.css';
import './desk.css';
import type { Desk } from './desk.ts';
import { FilesView } from './files-view.tsx';
import { sshFormOf } from './form.ts';
import type { Forward } from './forward.ts';
import { ForwardsView } from './forwards-view.tsx';
import { HostsView } from './hosts-view.tsx';
import { KeysView } from './keys-view.tsx';
import type { TerminalTab } from './terminal-tab.ts';
import { TerminalView } from './terminal-view.tsx';

/** The terminals in tabs, one or two of them to be seen, and the keys and hosts below. */
export function DeskView({ desk }: { desk: Desk }) {
  const { active, beside, tabs } = desk;
  return (
    <>
      {desk.problem.value && (
        <p class="note-bad" role="alert">
          {desk.problem.value}
        </p>
      )}
      {tabs.value.length > 0 && <Tabs desk={desk} />}
      {active.value && (
        <div class={beside.value ? 'terminals terminals-two' : 'terminals'}>
          <TerminalView key={active.value.id} desk={desk} tab={active.value} />
          {beside.value && <TerminalView key={beside.value.id} desk={desk} tab={beside.value} />}
        </div>
      )}
      {active.value && <FilesView key={`files-${active.value.id}`} tab={active.value} />}
      {active.value && (
        <ForwardsView
          key={`forwards-${active.value.id}`}
          tab={active.value}
          onUse={(forward) => choose(desk, forward)}
        />
      )}
      <KeysView keys={desk.keys} />
      <HostsView hosts={desk.hosts} />
    </>
  );
}

/** The next HTTP request goes that way. */
function choose({ model }: Desk, { id }: Forward): void {
  sshFormOf(model).way.value = id;
  document.getElementById('http-url')?.focus();
}

function Tabs({ desk }: { desk: Desk }) {
  const { tabs, activeId, beside } = desk;
  const list = useRef<HTMLDivElement>(null);
  /** As the ARIA practice has it: arrows move, and what is moved to is shown. */
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const all = tabs.value;
    const at = all.findIndex(({ id }) => id === activeId.value);
    const next = all[(at + step + all.length) % all.length]!;
    desk.show(next);
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div class="tab-bar">
      <div class="tabs" role="tablist" aria-label="Terminals" ref={list} onKeyDown={move}>
        {tabs.value.map((tab) => (
          <Tab key={tab.id} desk={desk} tab={tab} />
        ))}
      </div>
      <button
        type="button"
        class="quiet"
        aria-pressed={beside.value !== undefined}
        onClick={() => desk.split()}
      >
        Split
      </button>
    </div>
  );
}

function Tab({ desk, tab }: { desk: Desk; tab: TerminalTab }) {
  const isActive = desk.activeId.value === tab.id;
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isActive) button.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [isActive]);
  return (
    <button
      type="button"
      ref={button}
      role="tab"
      id={`tab-${tab.id}`}
      class="tab"
      aria-selected={isActive}
      aria-controls={tab.id}
      tabIndex={isActive ? 0 : -1}
      onClick={() => desk.show(tab)}
    >
      <span class={`tab-dot tab-dot-${tab.phase.value}`} aria-hidden="true" />
      {tab.name}
      {tab.screen.title.value && <span class="tab-title">{tab.screen.title.value}</span>}
    </button>
  );
}
