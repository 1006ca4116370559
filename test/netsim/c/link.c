#include "link.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOSS = 1, DUPLICATE, REORDER };

/** SplitMix64's finalizer. */
static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/**
 * Whether the n-th packet has this fate: a function of the seed and n alone. Two runs with one seed lose the same
 * packets, whoever sends them, and switching one kind of trouble on leaves the others' choices as they were.
 */
static bool chance(const Link *link, uint64_t n, uint64_t kind, double part) {
  if (part <= 0) return false;
  uint64_t bits = mix(mix(link->seed * 0x9e3779b97f4a7c15ULL + kind) + n * 0x9e3779b97f4a7c15ULL);
  return (double)(bits >> 11) * 0x1p-53 < part;
}

void histogram_clear(Histogram *histogram) {
  memset(histogram->bins, 0, sizeof histogram->bins);
  histogram->count = 0;
}

void histogram_add(Histogram *histogram, Time value) {
  Time bin = value / histogram->width;
  if (bin < 0) bin = 0;
  histogram->bins[bin < BINS ? bin : BINS - 1]++;
  histogram->count++;
}

double histogram_quantile(const Histogram *histogram, double part) {
  if (histogram->count == 0) return 0;
  uint64_t below = 0;
  for (int i = 0; i < BINS; i++) {
    below += histogram->bins[i];
    if (below >= part * histogram->count) return (double)(i + 1) * histogram->width / MILLISECOND;
  }
  return (double)BINS * histogram->width / MILLISECOND;
}

void link_init(Link *link, const LinkProfile *profile, uint64_t seed) {
  memset(link, 0, sizeof *link);
  link->profile = *profile;
  link->seed = seed;
  link->epoch = -1;
  link->waiting.width = MILLISECOND / 10;
}

void link_forget_counts(Link *link) {
  link->packets = link->bytes = link->delivered = link->delivered_bytes = link->lost = link->queue_dropped = 0;
  link->duplicated = link->reordered = 0;
  link->queue_peak = 0;
  histogram_clear(&link->waiting);
}

/** When what would come out at `due` really does. */
static Time after_stall(const Link *link, Time due) {
  const LinkProfile *profile = &link->profile;
  if (profile->stall_every == 0) return due;
  Time since = due - link->epoch;
  Time begun = since - since % profile->stall_every;
  bool stalled = begun > 0 && since - begun < profile->stall_for;
  return stalled ? link->epoch + begun + profile->stall_for : due;
}

Fate link_take(Link *link, uint32_t length, Time now) {
  const LinkProfile *profile = &link->profile;
  uint64_t n = link->next++;
  link->packets++;
  link->bytes += length;
  if (link->epoch < 0) link->epoch = now;
  Time start = now;
  if (profile->rate > 0) {
    if (link->free_at > now) start = link->free_at;
    double waiting = (double)(start - now) * profile->rate / 8e9;
    if (waiting > 0 && waiting + length > profile->queue) {
      link->queue_dropped++;
      return (Fate){.dropped = true};
    }
    if (waiting + length > link->queue_peak) link->queue_peak = waiting + length;
    histogram_add(&link->waiting, start - now);
    start += (Time)(length * 8e9 / profile->rate);
    link->free_at = start;
  }
  if (chance(link, n, LOSS, profile->loss)) {
    link->lost++;
    return (Fate){.dropped = true};
  }
  Fate fate = {.copies = 1, .due = start + profile->delay};
  if (chance(link, n, REORDER, profile->reorder)) {
    link->reordered++;
    fate.due += profile->reorder_by;
  }
  if (chance(link, n, DUPLICATE, profile->duplicate)) {
    link->duplicated++;
    fate.copies = 2;
  }
  fate.due = after_stall(link, fate.due);
  link->delivered += fate.copies;
  link->delivered_bytes += (uint64_t)length * fate.copies;
  return fate;
}

bool link_parse(const char *text, LinkProfile *profile) {
  memset(profile, 0, sizeof *profile);
  char copy[512];
  if (strlen(text) >= sizeof copy) return false;
  strcpy(copy, text);
  for (char *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
    double a, b;
    if (sscanf(word, "rate=%lf", &a) == 1) profile->rate = a;
    else if (sscanf(word, "queue=%lf", &a) == 1) profile->queue = a;
    else if (sscanf(word, "delay=%lf", &a) == 1) profile->delay = (Time)(a * MILLISECOND);
    else if (sscanf(word, "loss=%lf", &a) == 1) profile->loss = a;
    else if (sscanf(word, "dup=%lf", &a) == 1) profile->duplicate = a;
    else if (sscanf(word, "reorder=%lf:%lf", &a, &b) == 2) {
      profile->reorder = a;
      profile->reorder_by = (Time)(b * MILLISECOND);
    } else if (sscanf(word, "stall=%lf:%lf", &a, &b) == 2) {
      profile->stall_for = (Time)(a * MILLISECOND);
      profile->stall_every = (Time)(b * MILLISECOND);
    } else return false;
  }
  return true;
}

static bool before(const Packet *a, const Packet *b) {
  return a->due != b->due ? a->due < b->due : a->order < b->order;
}

void flight_push(Flight *flight, Packet *packet) {
  if (flight->size == flight->room) {
    flight->room = flight->room ? flight->room * 2 : 1024;
    flight->items = realloc(flight->items, flight->room * sizeof *flight->items);
  }
  packet->order = flight->next_order++;
  int at = flight->size++;
  for (int parent; at > 0 && before(packet, flight->items[parent = (at - 1) / 2]); at = parent)
    flight->items[at] = flight->items[parent];
  flight->items[at] = packet;
}

Time flight_due(const Flight *flight) { return flight->size > 0 ? flight->items[0]->due : NEVER; }

Packet *flight_pop(Flight *flight) {
  Packet *first = flight->items[0];
  Packet *last = flight->items[--flight->size];
  int at = 0;
  for (;;) {
    int child = 2 * at + 1;
    if (child >= flight->size) break;
    if (child + 1 < flight->size && before(flight->items[child + 1], flight->items[child])) child++;
    if (!before(flight->items[child], last)) break;
    flight->items[at] = flight->items[child];
    at = child;
  }
  flight->items[at] = last;
  return first;
}
