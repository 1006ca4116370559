// One direction of a bad network: a bottleneck with a queue, then a wire that delays, loses, repeats and reorders.
// Nothing here knows a clock: packets come in with the time at which they came, and go out with the time at which they
// are due, so that the same code runs in real time and, for its own test, in none.
#pragma once
#include <stdbool.h>
#include <stdint.h>

/** Nanoseconds. */
typedef int64_t Time;

#define MILLISECOND ((Time)1000000)
#define NEVER INT64_MAX

typedef struct {
  /** Bit/s of whole IP packets; 0: no bottleneck. */
  double rate;
  /** What may wait before the bottleneck, in bytes; what does not fit is dropped at the tail. */
  double queue;
  Time delay;
  /** Of each packet that has passed the bottleneck, by chance. */
  double loss;
  double duplicate;
  double reorder;
  /** How much later than the others a reordered packet comes. */
  Time reorder_by;
  /** For so long nothing comes out, … */
  Time stall_for;
  /** … each time that so much has passed since the first packet. 0: never. */
  Time stall_every;
} LinkProfile;

typedef struct {
  Time due;
  /** Of equals, the first that came is the first to go. */
  uint64_t order;
  /** The side it goes to. */
  int toward;
  uint32_t length;
  uint8_t bytes[];
} Packet;

/** Counts how often values fell into bins of equal width; the last bin holds all that is larger. */
#define BINS 20000
typedef struct {
  Time width;
  uint64_t count;
  uint32_t bins[BINS];
} Histogram;

void histogram_clear(Histogram *histogram);
void histogram_add(Histogram *histogram, Time value);
/** The value below which `part` of all lie, in ms. */
double histogram_quantile(const Histogram *histogram, double part);

typedef struct {
  LinkProfile profile;
  uint64_t seed;
  /** How many packets came before. */
  uint64_t next;
  /** When the bottleneck has sent all that waits. */
  Time free_at;
  /** When the first packet came. */
  Time epoch;
  /** What follows is counted. */
  uint64_t packets, bytes, delivered, delivered_bytes, lost, queue_dropped, duplicated, reordered;
  double queue_peak;
  Histogram waiting;
} Link;

/** What becomes of a packet. */
typedef struct {
  bool dropped;
  /** How often it comes out: 1 or 2. */
  int copies;
  Time due;
} Fate;

void link_init(Link *link, const LinkProfile *profile, uint64_t seed);
/** Counts from zero again. */
void link_forget_counts(Link *link);
/** A packet of `length` bytes comes to the bottleneck at `now`. Times must not go back. */
Fate link_take(Link *link, uint32_t length, Time now);
/** Reads "rate=BIT/S,queue=BYTES,delay=MS,loss=P,reorder=P:MS,dup=P,stall=MS:EVERY_MS" in any order. */
bool link_parse(const char *text, LinkProfile *profile);

/** All packets on their way, the next one first. Owns them. */
typedef struct {
  Packet **items;
  int size, room;
  uint64_t next_order;
} Flight;

void flight_push(Flight *flight, Packet *packet);
/** When the next packet is due. */
Time flight_due(const Flight *flight);
Packet *flight_pop(Flight *flight);
