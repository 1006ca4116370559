import { type Script, type ScriptOption, Skip } from './script.ts';
import { runCommands } from './system-commands.ts';

/** How a script is run: its options, and the system settings its commands choose. */
export interface Settings {
  version: 4 | 6;
  localAddress: string;
  remoteAddress: string;
  /** Where `bind(3, ..., ...)` binds, and `connect(3, ..., ...)` connects. */
  localPort: number;
  remotePort: number;
  mtu: number;
  /** Microseconds an event may be early or late. */
  tolerance: number;
  /** Per cent of the time since the event before, where that is more. */
  tolerancePercent: number;
  /** Segments must be cut as the script has them, and PSH is compared. */
  strictSegments: boolean;
  /** Microseconds a tick of our timestamps lasts; 0: their values are not compared. */
  timestampTick: number;
  /** Largest receive buffer, the third number of tcp_rmem. */
  receiveBuffer: number;
  /** What is chosen of the stack by sysctl; undefined: as the stack is by itself. */
  system: Map<string, string>;
}

function defaults(): Settings {
  return {
    version: 4,
    localAddress: '',
    remoteAddress: '',
    localPort: 8080,
    remotePort: 8080,
    mtu: 1500,
    tolerance: 4000,
    tolerancePercent: 12.5,
    strictSegments: false,
    timestampTick: 0,
    receiveBuffer: 15 << 20,
    system: new Map(),
  };
}

/** Options that say nothing to a runner within one process. */
const IGNORED = new Set([
  'define',
  'verbose',
  'debug',
  'speed',
  'init_scripts',
  'send_omit_free',
  'netmask_ip',
]);

type Apply = (settings: Settings, value: string) => void;

const OPTIONS: Record<string, Apply> = {
  ip_version: (settings, value) => {
    if (value === 'ipv4_mapped_ipv6') throw new Skip('IPv4-mapped IPv6 sockets');
    if (value !== 'ipv4' && value !== 'ipv6') throw new Skip(`--ip_version=${value}`);
    settings.version = value === 'ipv6' ? 6 : 4;
  },
  local_ip: (settings, value) => {
    settings.localAddress = value;
  },
  remote_ip: (settings, value) => {
    settings.remoteAddress = value;
  },
  gateway_ip: () => {},
  bind_port: (settings, value) => {
    settings.localPort = numeric('bind_port', value);
  },
  connect_port: (settings, value) => {
    settings.remotePort = numeric('connect_port', value);
  },
  mtu: (settings, value) => {
    settings.mtu = numeric('mtu', value);
  },
  // How the machine under packetdrill cuts large packets that the script sends; ours takes them whole.
  mss: () => {},
  tolerance_usecs: (settings, value) => {
    settings.tolerance = numeric('tolerance_usecs', value);
  },
  tolerance_percent: (settings, value) => {
    settings.tolerancePercent = numeric('tolerance_percent', value);
  },
  strict_segments: (settings) => {
    settings.strictSegments = true;
  },
  tcp_ts_tick_usecs: (settings, value) => {
    settings.timestampTick = numeric('tcp_ts_tick_usecs', value);
  },
};

function numeric(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0) throw new Skip(`--${name}=${value}`);
  return number;
}

/** Throws a Skip for an option or a command that asks for something we have not. */
export function settingsOf(script: Script, version: 4 | 6 = 4): Settings {
  const settings = defaults();
  const isFree = !script.options.some(({ name }) => name === 'ip_version');
  if (isFree) settings.version = version;
  for (const option of script.options) applyOption(settings, option);
  const [local, remote] =
    settings.version === 6 ? ['fd3d:a0b:17d6::1', '2001:db8::1'] : ['192.168.0.1', '192.0.2.1'];
  // Scripts reckon with IPv4's headers.
  if (isFree && version === 6) settings.mtu += 20;
  settings.localAddress ||= local!;
  settings.remoteAddress ||= remote!;
  if (script.setUp) runCommands(script.setUp.text, settings);
  return settings;
}

/** Throws a Skip for an option that is none of ours. */
export function checkOption(name: string): void {
  if (!IGNORED.has(name) && !Object.hasOwn(OPTIONS, name)) throw new Skip(`option --${name}`);
}

function applyOption(settings: Settings, { name, value }: ScriptOption): void {
  checkOption(name);
  OPTIONS[name]?.(settings, value ?? '');
}
