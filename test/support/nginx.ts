import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from './child-process.ts';
import { until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

export interface ServedFile {
  path: string;
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/**
 * Debian's nginx inside a namespace, on port 80 of IPv4 and IPv6, serving random files whose hash is known: at once, slowly
 * (/slowly/…), after a redirect (/moved/…, /moved-as-it-is/…), and what was PUT below /kept/.
 */
export class Nginx {
  readonly files: ServedFile[];
  readonly #folder: string;
  readonly #process: Child;

  private constructor(folder: string, files: ServedFile[], nginx: Child) {
    this.#folder = folder;
    this.files = files;
    this.#process = nginx;
  }

  static async start(namespace: Namespace, sizes: readonly number[]): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-nginx-'));
    const files = sizes.map((size): ServedFile => {
      const bytes = randomBytes(size);
      const path = `/${size}.bin`;
      writeFileSync(join(folder, path), bytes);
      return { path, size, sha256: createHash('sha256').update(bytes).digest('hex') };
    });
    writeFileSync(join(folder, 'nginx.conf'), configuration(folder));
    const nginx = namespace.start('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr']);
    const server = new Nginx(folder, files, nginx);
    await until('nginx listens', async () => {
      if (!nginx.running) throw new Error(`nginx ended\n${nginx.output}`);
      return (await namespace.exec('ss', '-Hltn', 'sport = :80')).trim().split('\n').length === 2;
    }).catch(async (error: unknown) => {
      await server.stop();
      throw error;
    });
    return server;
  }

  /** The bytes of a file that it serves. */
  read({ path }: ServedFile): Buffer {
    return readFileSync(join(this.#folder, path));
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One process in the foreground, writing nowhere but into its folder; root, because the folder is root's alone. */
function configuration(folder: string): string {
  return `
daemon off; master_process off; pid ${folder}/nginx.pid;
events { worker_connections 64; }
http {
  # A client behind a stalled tunnel is waited for.
  send_timeout 300s;
  access_log off; sendfile on; default_type application/octet-stream;
  # For who asks for it; its length is not known before, so that it comes in chunks.
  gzip on; gzip_types application/octet-stream; gzip_min_length 1; gzip_comp_level 1;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server {
    listen 80; listen [::]:80 ipv6only=on; root ${folder};
    client_max_body_size 0;
    location /slowly/ { alias ${folder}/; limit_rate 256k; }
    location /kept/ { dav_methods PUT; create_full_put_path on; }
    location ~ ^/moved/(.*) { return 302 /$1; }
    location ~ ^/moved-as-it-is/(.*) { return 307 /$1; }
  }
}
`;
}
