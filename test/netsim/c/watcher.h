// Looks at the TCP segments of one direction and says which of them were sent again without need: it knows what the
// network has dropped, which neither end does.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define HOLES 65536

typedef struct {
  uint32_t from, to;
} Range;

/** Of the first connection whose SYN it sees; others are not looked at. */
typedef struct {
  bool started;
  uint16_t source_port, destination_port;
  /** End of what was ever sent. */
  uint32_t highest;
  /** Sent and dropped, and not yet sent again. */
  Range holes[HOLES];
  int hole_count;
  uint64_t segments, retransmitted, spurious;
} Watcher;

/** An IP packet went into the network; `dropped` says that it will not come out. */
void watch(Watcher *watcher, const uint8_t *packet, uint32_t length, bool dropped);
