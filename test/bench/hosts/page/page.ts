// The bench page: `?in=worker` leaves all to a worker, `?in=page` listens itself.
import { listen } from './listen.ts';
import { tunnelProcedures } from './tunnel.ts';

if (new URLSearchParams(location.search).get('in') === 'worker')
  new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
else void listen(tunnelProcedures());
