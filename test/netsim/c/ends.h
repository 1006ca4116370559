// What a network's packets come from and go to: a TUN device in a namespace, where Linux is the host, or a Unix socket,
// behind which a process of ours is.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "link.h"

#define MAX_PACKET 65536
#define MAX_ADDRESSES 4

typedef struct {
  /** 0 or 1: a packet from one side goes to the other. */
  int side;
  bool is_tun;
  /** The device, or the connection if there is one, else -1. */
  int fd;
  /** Of a Unix socket: where it waits for its connection. */
  int listening;
  /** Packets to these go here; of several ends of a side, one that has none takes the rest. */
  struct {
    int length;
    uint8_t bytes[16];
  } addresses[MAX_ADDRESSES];
  int address_count;
  /** What came and is not a whole frame yet. */
  uint8_t *in;
  uint32_t in_length;
  /** What the connection has not taken yet. */
  uint8_t *out;
  uint32_t out_start, out_length;
  /** Packets that the host did not take, though it was there. */
  uint64_t refused;
  FILE *pcap;
} End;

/**
 * Reads "tun:NAMESPACE:DEVICE[,ADDRESS…]" or "unix:PATH[,ADDRESS…]" and opens it. Over the socket each packet has its
 * length before it, two bytes, the high one first. Ends the program if that fails.
 */
void end_open(End *end, const char *text, int side);
/** Hands all packets that are there, up to some, to `take`. False when the connection is over. */
bool end_read(End *end, void (*take)(End *end, const uint8_t *packet, uint32_t length));
/** Hands a packet to the host; to one behind a socket with the next flush. */
void end_deliver(End *end, const uint8_t *packet, uint32_t length);
void end_flush(End *end);
void end_accept(End *end);
bool end_has_address(const End *end, const uint8_t *packet);
/** Writes what this end sends and gets to a file, as tcpdump would there. */
void end_capture(End *end, const char *path);
