import type { Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Select } from '../parts/field.tsx';
import type { Forward } from '../ssh/forward.ts';

interface Props {
  forwards: readonly Forward[];
  /** The id of one of them; empty for the tunnel. */
  way: Signal<string>;
  url: Signal<string>;
}

/** Whether requests go out where the tunnel ends or where an SSH connection does; asked once there is such a forward. */
export function HttpWay({ forwards, way, url }: Props) {
  const chosen = forwards.find(({ id }) => id === way.value);
  useEffect(() => {
    if (chosen) url.value = chosen.lead(url.value);
    else way.value = '';
  }, [chosen]);
  if (forwards.length === 0) return null;
  const choices = [
    ['', 'The tunnel'] as const,
    ...forwards.map(({ id, place, via }) => [id, `${place} by SSH of ${via}`] as const),
  ];
  return <Select id="http-way" label="Way" value={way} choices={choices} />;
}
