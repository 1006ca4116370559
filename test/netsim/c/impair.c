// The bench network: moves packets between the ends of its two sides, badly. One process for both directions.
//
//   impair --a END [--a END…] --b END [--b END…] --ab LINK --ba LINK [--seed N] [--pcap-a FILE] [--pcap-b FILE]
//   impair --script --ab LINK --ba LINK [--seed N]
//
// END is read by end_open (ends.h), LINK by link_parse (link.h). Prints "ready" when the devices and sockets are there.
// SIGTERM ends it; it then prints one line of JSON that says what it did. At SIGUSR1 it prints that, too, and counts from
// zero again. As a script it knows no clock and no packets:
// each line "MICROSECONDS a|b LENGTH" of its input is one, and each that comes out is a line "MICROSECONDS a|b NUMBER".
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include "ends.h"
#include "link.h"
#include "watcher.h"

#define MAX_ENDS 8
#define MIN_HEADER 40

static End ends[MAX_ENDS];
static int end_count;
static Link links[2];
static Watcher watchers[2];
static Flight flight;
/** How late packets were delivered. */
static Histogram lateness = {.width = MILLISECOND / 100};
static volatile sig_atomic_t finished, asked;

static Time clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (Time)now.tv_sec * 1000 * MILLISECOND + now.tv_nsec;
}

static void finish(int signal) {
  (void)signal;
  finished = 1;
}

static void ask(int signal) {
  (void)signal;
  asked = 1;
}

static void take_at(int side, const uint8_t *bytes, uint32_t length, Time now) {
  Fate fate = link_take(&links[side], length, now);
  watch(&watchers[side], bytes, length, fate.dropped);
  for (int i = 0; i < fate.copies; i++) {
    // Also of one that is cut short, the destination is looked at.
    Packet *packet = calloc(1, sizeof *packet + (length < MIN_HEADER ? MIN_HEADER : length));
    packet->due = fate.due;
    packet->toward = 1 - side;
    packet->length = length;
    memcpy(packet->bytes, bytes, length);
    flight_push(&flight, packet);
  }
}

static void take(End *end, const uint8_t *bytes, uint32_t length) {
  // What Linux says to its routers is not traffic.
  bool is_chatter = end->is_tun && length >= 48 && bytes[0] >> 4 == 6 && bytes[24] == 0xff;
  if (length > 0 && !is_chatter) take_at(end->side, bytes, length, clock_now());
}

static End *end_for(const Packet *packet) {
  End *fallback = NULL;
  for (int i = 0; i < end_count; i++) {
    if (ends[i].side != packet->toward) continue;
    if (end_has_address(&ends[i], packet->bytes)) return &ends[i];
    if (!fallback || ends[i].address_count == 0) fallback = &ends[i];
  }
  return fallback;
}

static void deliver_due(void) {
  Time now = clock_now();
  while (flight_due(&flight) <= now) {
    Packet *packet = flight_pop(&flight);
    histogram_add(&lateness, now - packet->due);
    end_deliver(end_for(packet), packet->bytes, packet->length);
    free(packet);
  }
  for (int i = 0; i < end_count; i++) end_flush(&ends[i]);
}

static void wait_for_work(const sigset_t *mask) {
  struct pollfd polls[MAX_ENDS];
  for (int i = 0; i < end_count; i++) {
    bool is_open = ends[i].fd >= 0;
    polls[i].fd = is_open ? ends[i].fd : ends[i].listening;
    polls[i].events = POLLIN | (is_open && ends[i].out_length > 0 ? POLLOUT : 0);
  }
  Time due = flight_due(&flight);
  struct timespec timeout;
  if (due != NEVER) {
    Time left = due - clock_now();
    if (left < 0) left = 0;
    timeout = (struct timespec){left / (1000 * MILLISECOND), left % (1000 * MILLISECOND)};
  }
  if (ppoll(polls, end_count, due == NEVER ? NULL : &timeout, mask) <= 0) return;
  for (int i = 0; i < end_count; i++) {
    if (!(polls[i].revents & (POLLIN | POLLHUP))) continue;
    if (ends[i].fd < 0) end_accept(&ends[i]);
    else end_read(&ends[i], take);
  }
}

static void print_link(const char *name, const Link *link, const Watcher *watcher) {
  printf("\"%s\":{\"packets\":%lu,\"bytes\":%lu,\"delivered\":%lu,\"deliveredBytes\":%lu,\"lost\":%lu,", name,
         link->packets, link->bytes, link->delivered, link->delivered_bytes, link->lost);
  printf("\"queueDropped\":%lu,\"duplicated\":%lu,\"reordered\":%lu,", link->queue_dropped, link->duplicated,
         link->reordered);
  printf("\"queuePeak\":%.0f,\"waitP50\":%.1f,\"waitP99\":%.1f,", link->queue_peak,
         histogram_quantile(&link->waiting, 0.5), histogram_quantile(&link->waiting, 0.99));
  printf("\"segments\":%lu,\"retransmitted\":%lu,\"spurious\":%lu},", watcher->segments, watcher->retransmitted,
         watcher->spurious);
}

static void report(void) {
  uint64_t refused = 0;
  for (int i = 0; i < end_count; i++) refused += ends[i].refused;
  printf("{");
  print_link("ab", &links[0], &watchers[0]);
  print_link("ba", &links[1], &watchers[1]);
  printf("\"refused\":%lu,\"lateP50\":%.2f,\"lateP99\":%.2f}\n", refused, histogram_quantile(&lateness, 0.5),
         histogram_quantile(&lateness, 0.99));
  fflush(stdout);
}

static void start_counting(void) {
  for (int side = 0; side < 2; side++) link_forget_counts(&links[side]);
  histogram_clear(&lateness);
}

static void run(void) {
  // A network does not share a processor with its hosts, also where those are urgent (`chrt` before the bench). Where that
  // is not allowed, it is only less exact.
  struct sched_param urgent = {0};
  sched_getparam(0, &urgent);
  urgent.sched_priority++;
  sched_setscheduler(0, SCHED_FIFO, &urgent);
  prctl(PR_SET_TIMERSLACK, 1);
  sigset_t blocked, mask;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, &mask);
  struct sigaction action = {.sa_handler = finish};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  action.sa_handler = ask;
  sigaction(SIGUSR1, &action, NULL);
  printf("ready\n");
  fflush(stdout);
  while (!finished) {
    deliver_due();
    wait_for_work(&mask);
    if (!asked) continue;
    asked = 0;
    report();
    start_counting();
  }
}

static void come_out(Time until) {
  while (flight_due(&flight) <= until && flight.size > 0) {
    Packet *packet = flight_pop(&flight);
    uint64_t number;
    memcpy(&number, packet->bytes, sizeof number);
    printf("%ld %c %lu\n", packet->due / 1000, "ab"[packet->toward], number);
    free(packet);
  }
}

static void run_script(void) {
  long microseconds;
  char from;
  unsigned length;
  static uint8_t bytes[MAX_PACKET];
  for (uint64_t number = 0; scanf("%ld %c %u", &microseconds, &from, &length) == 3; number++) {
    Time now = (Time)microseconds * 1000;
    come_out(now);
    memcpy(bytes, &number, sizeof number);
    take_at(from == 'a' ? 0 : 1, bytes, length, now);
  }
  come_out(NEVER - 1);
}

static const char *value_of(int argc, char **argv, const char *name, int which) {
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], name) == 0 && which-- == 0) return argv[i + 1];
  return NULL;
}

static void open_side(int argc, char **argv, const char *name, int side) {
  const char *text;
  for (int i = 0; (text = value_of(argc, argv, name, i)) && end_count < MAX_ENDS; i++)
    end_open(&ends[end_count++], text, side);
}

static void capture_side(const char *path, int side) {
  for (int i = 0; path && i < end_count; i++)
    if (ends[i].side == side) {
      end_capture(&ends[i], path);
      return;
    }
}

int main(int argc, char **argv) {
  const char *seed = value_of(argc, argv, "--seed", 0);
  for (int side = 0; side < 2; side++) {
    const char *text = value_of(argc, argv, side == 0 ? "--ab" : "--ba", 0);
    LinkProfile profile;
    if (!link_parse(text ? text : "", &profile)) {
      fprintf(stderr, "impair: cannot read the link \"%s\"\n", text);
      return 1;
    }
    link_init(&links[side], &profile, (seed ? strtoull(seed, NULL, 10) : 1) * 2 + side);
  }
  if (argc > 1 && strcmp(argv[1], "--script") == 0) run_script();
  else {
    open_side(argc, argv, "--a", 0);
    open_side(argc, argv, "--b", 1);
    capture_side(value_of(argc, argv, "--pcap-a", 0), 0);
    capture_side(value_of(argc, argv, "--pcap-b", 0), 1);
    run();
    for (int i = 0; i < end_count; i++)
      if (ends[i].pcap) fclose(ends[i].pcap);
  }
  report();
  return 0;
}
