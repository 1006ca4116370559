/** Ports as a person writes them. */

/** So many are asked at once in one go: enough for the services of a machine, too few for a scan of one. */
export const MAX_PORTS = 256;

export interface PortList {
  /** Ascending, each once. */
  ports: number[];
  problem?: string;
}

/** `22, 80 8000-8010` */
export function readPorts(text: string): PortList {
  const ports = new Set<number>();
  for (const part of text.split(/[\s,;]+/).filter((item) => item !== '')) {
    const match = /^(\d{1,5})(?:[-–](\d{1,5}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = match?.[2] === undefined ? first : Number(match[2]);
    if (!match || first < 1 || last > 65_535 || last < first)
      return wrong(
        `“${part.slice(0, 20)}” is no port: write numbers from 1 to 65535, or a range like 8000-8010.`,
      );
    if (ports.size + last - first + 1 > MAX_PORTS)
      return wrong(`These are more than ${MAX_PORTS} ports: ask for fewer at a time.`);
    for (let port = first; port <= last; port++) ports.add(port);
  }
  if (ports.size === 0) return wrong('Which ports? Write numbers or ranges, such as 22, 80, 8000-8010.');
  return { ports: [...ports].sort((a, b) => a - b) };
}

function wrong(problem: string): PortList {
  return { ports: [], problem };
}

/** What usually listens there (IANA's names, and what everybody runs). */
export const SERVICES: Readonly<Record<number, string>> = {
  7: 'echo',
  21: 'FTP',
  22: 'SSH',
  23: 'Telnet',
  25: 'SMTP',
  53: 'DNS',
  80: 'HTTP',
  110: 'POP3',
  139: 'NetBIOS',
  143: 'IMAP',
  389: 'LDAP',
  443: 'HTTPS',
  445: 'SMB',
  465: 'SMTP over TLS',
  587: 'SMTP submission',
  631: 'IPP',
  636: 'LDAPS',
  853: 'DNS over TLS',
  873: 'rsync',
  993: 'IMAPS',
  995: 'POP3S',
  1433: 'SQL Server',
  1883: 'MQTT',
  2049: 'NFS',
  3000: 'development server',
  3306: 'MySQL',
  3389: 'Remote Desktop',
  5432: 'PostgreSQL',
  5900: 'VNC',
  6379: 'Redis',
  6443: 'Kubernetes',
  8080: 'HTTP',
  8443: 'HTTPS',
  9090: 'Prometheus',
  9100: 'node exporter',
  9200: 'Elasticsearch',
  27017: 'MongoDB',
};
