#include "watcher.h"
#include <string.h>

enum { TCP = 6, FIN = 1, SYN = 2 };

static uint32_t u16(const uint8_t *at) { return at[0] << 8 | at[1]; }
static uint32_t u32(const uint8_t *at) { return u16(at) << 16 | u16(at + 2); }
static bool less(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

/** Takes [from, to) out of the holes; whether any of it was one. */
static bool fill(Watcher *watcher, uint32_t from, uint32_t to) {
  bool filled = false;
  int kept = 0, count = watcher->hole_count;
  static Range rest[HOLES];
  for (int i = 0; i < count; i++) {
    Range hole = watcher->holes[i];
    if (!less(from, hole.to) || !less(hole.from, to)) {
      if (kept < HOLES) rest[kept++] = hole;
      continue;
    }
    filled = true;
    if (less(hole.from, from) && kept < HOLES) rest[kept++] = (Range){hole.from, from};
    if (less(to, hole.to) && kept < HOLES) rest[kept++] = (Range){to, hole.to};
  }
  if (filled) {
    memcpy(watcher->holes, rest, kept * sizeof *rest);
    watcher->hole_count = kept;
  }
  return filled;
}

void watch(Watcher *watcher, const uint8_t *packet, uint32_t length, bool dropped) {
  uint32_t header, end;
  if (length < 40) return;
  if (packet[0] >> 4 == 4) {
    if (packet[9] != TCP) return;
    header = (packet[0] & 15) * 4;
    end = u16(packet + 2);
  } else {
    if (packet[6] != TCP) return;
    header = 40;
    end = 40 + u16(packet + 4);
  }
  if (end > length || header + 20 > end) return;
  const uint8_t *tcp = packet + header;
  uint8_t flags = tcp[13];
  uint32_t from = u32(tcp + 4);
  uint32_t to = from + (end - header - (tcp[12] >> 4) * 4) + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
  if (!watcher->started) {
    if (!(flags & SYN)) return;
    watcher->started = true;
    watcher->source_port = u16(tcp);
    watcher->destination_port = u16(tcp + 2);
    watcher->highest = from;
  }
  if (u16(tcp) != watcher->source_port || u16(tcp + 2) != watcher->destination_port || from == to) return;
  watcher->segments++;
  if (less(from, watcher->highest)) {
    watcher->retransmitted++;
    uint32_t old = less(to, watcher->highest) ? to : watcher->highest;
    if (!fill(watcher, from, old)) watcher->spurious++;
  }
  if (dropped && watcher->hole_count < HOLES) watcher->holes[watcher->hole_count++] = (Range){from, to};
  if (less(watcher->highest, to)) watcher->highest = to;
}
