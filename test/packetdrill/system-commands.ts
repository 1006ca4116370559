// Commands in back-ticks. A script sets its machine up with them; here, a table says what each comes to. One that is
// not in the table could mean anything, so that the file is skipped.
import { Skip } from './script.ts';
import type { Settings } from './settings.ts';

/** What a sysctl's value comes to: 'fine' when the stack does that by itself. */
type SysctlRule = (value: string, settings: Settings) => 'fine' | 'skip';

const fine: SysctlRule = () => 'fine';
const only =
  (...values: string[]): SysctlRule =>
  (value) =>
    values.includes(value) ? 'fine' : 'skip';

/** Kept for the runner to look at: a knob of the stack, or of the runner's own sockets. */
const kept =
  (name: string): SysctlRule =>
  (value, settings) => {
    settings.system.set(name, value);
    return 'fine';
  };

/** Names below net.ipv4. */
const SYSCTLS: Record<string, SysctlRule> = {
  tcp_rmem: (value, settings) => {
    const most = Number(value.split(/\s+/)[2]);
    if (!(most > 0)) return 'skip';
    settings.receiveBuffer = most;
    return 'fine';
  },
  tcp_wmem: fine,
  tcp_mem: fine,
  tcp_timestamps: kept('tcp_timestamps'),
  tcp_sack: kept('tcp_sack'),
  tcp_window_scaling: only('1'),
  tcp_dsack: only('1'),
  tcp_fack: only('0'),
  tcp_frto: only('1', '2'),
  tcp_reordering: only('3'),
  tcp_congestion_control: (value, settings) =>
    value === 'cubic' || value === 'reno' ? kept('tcp_congestion_control')(value, settings) : 'skip',
  tcp_slow_start_after_idle: kept('tcp_slow_start_after_idle'),
  // 0 switches tail loss probes off, which scripts do where one would be by chance.
  tcp_early_retrans: fine,
  tcp_recovery: only('1'),
  tcp_ecn: kept('tcp_ecn'),
  tcp_ecn_option: fine,
  tcp_syn_retries: only('5', '6'),
  tcp_synack_retries: only('5'),
  tcp_retries1: fine,
  tcp_retries2: only('15'),
  tcp_notsent_lowat: kept('tcp_notsent_lowat'),
  tcp_syncookies: only('1'),
  tcp_mtu_probing: only('0'),
  tcp_moderate_rcvbuf: kept('tcp_moderate_rcvbuf'),
  tcp_no_metrics_save: fine,
  tcp_abort_on_overflow: only('0'),
  tcp_fin_timeout: only('60'),
  tcp_tw_reuse: fine,
  tcp_rfc1337: only('1'),
  tcp_workaround_signed_windows: only('0'),
  tcp_shrink_window: only('0'),
  tcp_fastopen: kept('tcp_fastopen'),
  tcp_fastopen_key: fine,
  tcp_fastopen_blackhole_timeout_sec: fine,
  tcp_fastopen_blackhole_detect_timeout_sec: fine,
  // How Linux builds its large packets and spaces them out: every segment of ours leaves by itself and at once.
  tcp_tso_win_divisor: fine,
  tcp_min_tso_segs: fine,
  tcp_tso_rtt_log: fine,
  tcp_pacing_ss_ratio: fine,
  tcp_pacing_ca_ratio: fine,
  tcp_limit_output_bytes: fine,
  tcp_autocorking: fine,
  tcp_comp_sack_delay_ns: fine,
  tcp_comp_sack_nr: fine,
  tcp_comp_sack_slack_ns: fine,
  tcp_invalid_ratelimit: fine,
  ip_no_pmtu_disc: only('0'),
};

/** What packetdrill's and the kernel's common/defaults.sh choose, where it can make a difference here. */
const DEFAULTS_SCRIPT: [string, string][] = [
  ['tcp_rmem', `4096 540000 ${15 << 20}`],
  ['tcp_slow_start_after_idle', '0'],
  ['tcp_ecn', '0'],
  ['tcp_fastopen', '0x70403'],
];

type Rule = [RegExp, (settings: Settings, rest: string) => void];

const COMMANDS: Rule[] = [
  [
    /^(?:[\w.]+\/)*defaults\.sh$/,
    (settings) => {
      for (const [name, value] of DEFAULTS_SCRIPT) setSystem(settings, `net.ipv4.${name}`, value);
    },
  ],
  [/^(?:[\w.]+\/)*set_sysctls\.py\s+(.*)$/, (settings, rest) => assign(settings, rest)],
  [
    /^sysctl\s+((?:-[qwe]+\s+)*.*)$/,
    (settings, rest) => assign(settings, rest.replace(/^(?:-[qwe]+\s+)*/, '')),
  ],
  [
    /^echo\s+(\S+\s*>\s*\/proc\/sys\/.*)$/,
    (settings, rest) => {
      const [value, path] = rest.split(/\s*>\s*/);
      setSystem(settings, path!, value!);
    },
  ],
  // HyStart by delay is what we have; by the length of ACK trains too, where Linux is told so, we have not.
  [/^echo [23] > \/sys\/module\/tcp_cubic\/parameters\/hystart_detect$/, () => {}],
  [/^\/tmp\/sysctl_restore_\$\{PPID\}\.sh$/, () => {}],
  [/^ip\s+tcp_metrics\s+flush\b.*$/, () => {}],
  // There is no offload to be switched off, and no queue that would pace or drop.
  [/^ethtool\s+-K\s+tun0(?:\s+(?:tso|gso|gro|tx|rx|sg)\s+off)+$/, () => {}],
  [/^tc\s+qdisc\s+(?:add|replace)\s+dev\s+tun0\s+root\s+(?:pfifo|fq)$/, () => {}],
  [/^(?:sleep\s.*|true|:)$/, () => {}],
];

/** The commands of one pair of back-ticks. */
export function runCommands(text: string, settings: Settings): void {
  const lines = text
    .replace(/\\\r?\n/g, ' ')
    .replace(/\$\(\(([0-9*\s]+)\)\)/g, (_, product: string) => String(multiply(product)))
    .split(/\r?\n|;|&&/);
  for (const line of lines) {
    const command = line
      .replace(/^\s*#.*$|\s+#.*$/, '')
      .replace(/\s*[12]?>\s*\/dev\/null|\s*2>&1/g, '')
      .trim();
    if (command !== '') runCommand(command, settings);
  }
}

/** `15*1024*1024`, as shells reckon. */
function multiply(product: string): number {
  return product.split('*').reduce((value, factor) => value * Number(factor), 1);
}

function runCommand(command: string, settings: Settings): void {
  for (const [pattern, run] of COMMANDS) {
    const match = pattern.exec(command);
    if (!match) continue;
    run(settings, match[1] ?? '');
    return;
  }
  throw new Skip(`command \`${command}\``);
}

/** `net.ipv4.tcp_sack=1 /proc/sys/net/ipv4/tcp_rmem="4096 1 2"`. */
function assign(settings: Settings, text: string): void {
  for (const part of text.match(/[^\s=]+="[^"]*"|[^\s=]+='[^']*'|\S+/g) ?? []) {
    const at = part.indexOf('=');
    if (at < 0) throw new Skip(`sysctl ${part}`);
    setSystem(settings, part.slice(0, at), part.slice(at + 1).replace(/^["']|["']$/g, ''));
  }
}

function setSystem(settings: Settings, path: string, value: string): void {
  const name = path.replace(/^\/proc\/sys\//, '').replaceAll('/', '.');
  const rule = name.startsWith('net.ipv4.') ? SYSCTLS[name.slice('net.ipv4.'.length)] : undefined;
  const verdict = name.startsWith('net.core.') ? 'fine' : rule?.(value, settings);
  if (verdict !== 'fine') throw new Skip(`sysctl ${name}=${value}`);
}
