import { describe, expect, it } from 'vitest';
import { DEVIATIONS, deviationOf } from './deviations.ts';

describe('known deviations', () => {
  it("are found by the name of the script, in packetdrill's folders and in the kernel's one", () => {
    expect(deviationOf('gtests/net/tcp/ts_recent/invalid_ack.pkt')?.id).toBe('ack-of-unsent-text');
    expect(deviationOf('packetdrill/tcp_ts_recent_invalid_ack.pkt')?.id).toBe('ack-of-unsent-text');
    expect(deviationOf('/x/tcp/inq/client.pkt')?.id).toBe('missing-timestamp');
    expect(deviationOf('tcp_inq_client.pkt')?.id).toBe('missing-timestamp');
    expect(deviationOf('/x/tcp/other/client.pkt')).toBeUndefined();
    expect(deviationOf('/x/reinvalid_acknowledged.pkt')).toBeUndefined();
  });

  it('have a name and an explanation each, and no file twice', () => {
    const files = DEVIATIONS.flatMap((deviation) => deviation.files);
    expect(new Set(files).size).toBe(files.length);
    for (const { id, reason } of DEVIATIONS) expect(`${id} ${reason}`).toMatch(/^[a-z-]+ .{30}/);
  });
});
