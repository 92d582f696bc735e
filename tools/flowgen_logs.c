/* SPDX-License-Identifier: Apache-2.0
 *
 * Two days of flow logs of a small company: clients use a web service behind a load balancer, which uses
 * application servers, databases and caches; administrators come by ssh through a bastion; everything goes
 * out through a NAT. Between the days things happen, which the diff should show.
 */
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "flowgen.h"

enum {
  SLOT_SECONDS = 300,
  SLOTS_A_DAY = 288,
  DAYS = 2,
  DAY_1 = 1,
  DAY_2 = 2,
  BOTH = DAY_1 | DAY_2,
  SCANNED_PORTS = 60,
  ACCOUNTS = 2,
  TCP = 6,
  UDP = 17,
};

/* A machine: inside it has an interface whose records AWS writes. */
struct host {
  uint32_t address;
  uint8_t account;
  bool inside;
  bool v6; /* an IPv6 address that is made of the number above */
};

/* What one interface sees of one conversation in one direction. Port 0 is ephemeral, anew in each record. */
struct flow {
  uint32_t source; /* indexes of hosts */
  uint32_t destination;
  uint32_t interface;
  uint16_t srcport;
  uint16_t dstport;
  uint8_t protocol;
  uint8_t days;
  bool reject;
  float weight;
};

struct world {
  const struct flowgen_options *options;
  struct flowgen_random random;
  struct host *hosts;
  size_t host_count;
  size_t host_cap;
  struct flow *flows;
  size_t flow_count;
  size_t flow_cap;
  double *sums[DAYS]; /* running sums of the weights of a day's flows */
};

/* ---- who is there ---- */

static uint32_t add_host(struct world *world, uint32_t address, unsigned account, bool inside) {
  if (world->host_count == world->host_cap) {
    world->host_cap = 2 * world->host_cap + 256;
    world->hosts = realloc(world->hosts, world->host_cap * sizeof *world->hosts);
    if (world->hosts == NULL)
      flowgen_die("no memory for", "the hosts");
  }
  world->hosts[world->host_count] =
      (struct host){.address = address, .account = (uint8_t)account, .inside = inside};
  return (uint32_t)world->host_count++;
}

static uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

static void add_flow(struct world *world, struct flow flow) {
  if (world->flow_count == world->flow_cap) {
    world->flow_cap = 2 * world->flow_cap + 1024;
    world->flows = realloc(world->flows, world->flow_cap * sizeof *world->flows);
    if (world->flows == NULL)
      flowgen_die("no memory for", "the flows");
  }
  world->flows[world->flow_count++] = flow;
}

/* A client talks to a service: each interface inside sees the way there and, if it was let through, back. */
static void converse(struct world *world, uint32_t client, uint32_t server, unsigned port, unsigned protocol,
                     unsigned days, double weight) {
  const uint32_t ends[] = {client, server};
  for (size_t i = 0; i < 2; i++) {
    if (!world->hosts[ends[i]].inside)
      continue;
    struct flow there = {client,        server, ends[i],      0, (uint16_t)port, (uint8_t)protocol,
                         (uint8_t)days, false,  (float)weight};
    struct flow back = {server,        client, ends[i],      (uint16_t)port, 0, (uint8_t)protocol,
                        (uint8_t)days, false,  (float)weight};
    add_flow(world, there);
    add_flow(world, back);
  }
}

static void refuse(struct world *world, uint32_t client, uint32_t server, unsigned port, unsigned days,
                   double weight) {
  struct flow flow = {client, server, server, 0, (uint16_t)port, TCP, (uint8_t)days, true, (float)weight};
  add_flow(world, flow);
}

/* ---- what they do ---- */

struct cast {
  uint32_t balancer, bastion, nat, resolver, office, outside_api, scanner;
  uint32_t web, web_count, app, app_count, db, db_count, cache, batch, batch_count;
  uint32_t web_replacement, legacy, search;
};

/* The i-th machine of the accounts: 10.20.x.y, in order. */
static uint32_t add_machine(struct world *world, unsigned account) {
  uint32_t i = (uint32_t)world->host_count;
  return add_host(world, v4(10, 20 + i / 50000, i / 200 % 250, 10 + i % 200), account, true);
}

static uint32_t add_machines(struct world *world, uint32_t count, unsigned account) {
  uint32_t first = (uint32_t)world->host_count;
  for (uint32_t i = 0; i < count; i++)
    (void)add_machine(world, account);
  return first;
}

static struct cast cast_of(struct world *world) {
  uint32_t machines = (uint32_t)world->options->hosts;
  struct cast cast = {.db_count = machines > 100 ? 8 : 2};
  uint32_t rest =
      machines - cast.db_count - 7; /* balancer, bastion, nat, cache, and the three of the events */
  cast.web_count = rest * 3 / 10;
  cast.app_count = rest * 4 / 10;
  cast.batch_count = rest - cast.web_count - cast.app_count;
  cast.balancer = add_machine(world, 0);
  cast.bastion = add_machine(world, 0);
  cast.nat = add_machine(world, 0);
  cast.web = add_machines(world, cast.web_count, 0);
  cast.app = add_machines(world, cast.app_count, 0);
  cast.db = add_machines(world, cast.db_count, 1);
  cast.cache = add_machine(world, 1);
  cast.batch = add_machines(world, cast.batch_count, 1);
  cast.web_replacement = add_machine(world, 0);
  cast.legacy = add_machine(world, 1);
  cast.search = add_machine(world, 1);
  cast.resolver = add_host(world, v4(10, 20, 0, 2), 0, false);
  cast.office = add_host(world, v4(198, 51, 100, 7), 0, false);
  cast.outside_api = add_host(world, v4(203, 0, 113, 80), 0, false);
  cast.scanner = add_host(world, v4(192, 0, 2, 66), 0, false);
  return cast;
}

/* What goes on day after day. The first web server is the one that is replaced between the days. */
static void routine(struct world *world, const struct cast *cast) {
  for (uint32_t i = 0; i < cast->web_count; i++) {
    converse(world, cast->balancer, cast->web + i, 8443, TCP, i == 0 ? DAY_1 : BOTH, 40);
    for (uint32_t j = 0; j < 3 && j < cast->app_count; j++)
      converse(world, cast->web + i, cast->app + (i + 7 * j) % cast->app_count, 8080, TCP,
               i == 0 ? DAY_1 : BOTH, 15);
  }
  for (uint32_t i = 0; i < cast->app_count; i++) {
    converse(world, cast->app + i, cast->db + i % cast->db_count, 5432, TCP, BOTH, 20);
    converse(world, cast->app + i, cast->cache, 6379, TCP, BOTH, 25);
    converse(world, cast->app + i, cast->outside_api, 443, TCP, BOTH, 3);
    converse(world, cast->bastion, cast->app + i, 22, TCP, BOTH, 0.1);
  }
  for (uint32_t i = 0; i < cast->batch_count; i++)
    converse(world, cast->batch + i, cast->db + i % cast->db_count, 5432, TCP, i == 0 ? DAY_2 : BOTH, 2);
  for (uint32_t i = cast->balancer; i < cast->web_replacement; i++)
    converse(world, i, cast->resolver, 53, UDP, i == cast->web ? DAY_1 : BOTH, 4);
  converse(world, cast->nat, cast->outside_api, 443, TCP, BOTH, 30);
  converse(world, cast->office, cast->bastion, 22, TCP, BOTH, 1);
}

/* What happens between the days. */
static void events(struct world *world, const struct cast *cast) {
  converse(world, cast->balancer, cast->web_replacement, 8443, TCP, DAY_2, 40);
  for (uint32_t j = 0; j < 3 && j < cast->app_count; j++)
    converse(world, cast->web_replacement, cast->app + 7 * j % cast->app_count, 8080, TCP, DAY_2, 15);
  converse(world, cast->web_replacement, cast->resolver, 53, UDP, DAY_2, 4);
  for (uint32_t j = 0; j < 4 && j < cast->app_count; j++) {
    converse(world, cast->app + j, cast->search, 9200, TCP, DAY_2, 10); /* a new service */
    converse(world, cast->app + j, cast->legacy, 3306, TCP, DAY_1, 5);  /* one that vanishes */
  }
  refuse(world, cast->batch, cast->db, 5432, DAY_1, 1); /* until somebody opened the security group */
  for (unsigned port = 1; port <= SCANNED_PORTS; port++)
    refuse(world, cast->scanner, cast->balancer, port * 17, DAY_2, 0.1);
}

/* Clients come by a power law: the i-th is 1/i as busy as the first. Most come on both days. */
static void clients(struct world *world, const struct cast *cast) {
  uint64_t count = world->options->clients;
  if (world->options->edges > 0) {
    uint64_t there = world->flow_count;
    count = world->options->edges > there + 2 ? (world->options->edges - there) / 2 : 1;
  }
  for (uint64_t i = 0; i < count; i++) {
    /* An odd factor walks through all addresses of 32.0.0.0/3 without meeting one twice. */
    uint32_t address = v4(32, 0, 0, 0) + (uint32_t)((i * 0x9E3779B1U + 77) & 0x1fffffff);
    uint32_t client = add_host(world, address, 0, false);
    uint64_t dice = flowgen_below(&world->random, 20);
    world->hosts[client].v6 = i % 40 == 39;
    converse(world, client, cast->balancer, 443, TCP,
             dice == 0   ? DAY_1
             : dice == 1 ? DAY_2
                         : BOTH,
             200.0 / (double)(i + 1));
  }
}

/* ---- records ---- */

static void sum_weights(struct world *world) {
  for (int day = 0; day < DAYS; day++) {
    double sum = 0;
    world->sums[day] = flowgen_alloc(world->flow_count, sizeof *world->sums[day]);
    for (size_t i = 0; i < world->flow_count; i++) {
      sum += (world->flows[i].days & 1U << day) != 0 ? (double)world->flows[i].weight : 0;
      world->sums[day][i] = sum;
    }
  }
}

/* A flow of the day, by its weight. */
static uint32_t pick(struct world *world, int day) {
  const double *sums = world->sums[day];
  double at = (double)(flowgen_next(&world->random) >> 11) / (double)(UINT64_C(1) << 53) *
              sums[world->flow_count - 1];
  size_t low = 0;
  size_t high = world->flow_count - 1;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (sums[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return (uint32_t)low;
}

static void put_address(struct flowgen_text *out, const struct host *host) {
  if (!host->v6) {
    flowgen_put_v4(out, host->address);
    return;
  }
  flowgen_put_string(out, "2600:1f18:");
  flowgen_put_hex(out, host->address & 0xffff, 4);
  flowgen_put_string(out, "::");
  flowgen_put_hex(out, host->address >> 16, 4);
}

static const char *const accounts[ACCOUNTS] = {"123456789010", "210987654321"};

static void put_interface(struct flowgen_text *out, const struct world *world, uint32_t host) {
  flowgen_put_string(out, "2 ");
  flowgen_put_string(out, accounts[world->hosts[host].account]);
  flowgen_put_string(out, " eni-0");
  flowgen_put_hex(out, flowgen_mix(world->options->seed, host), 16);
}

static void put_times(struct flowgen_text *out, int64_t start, int64_t end) {
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, (uint64_t)start);
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, (uint64_t)end);
}

static void put_record(struct world *world, struct flowgen_text *out, const struct flow *flow,
                       int64_t start) {
  uint64_t dice = flowgen_next(&world->random);
  unsigned ephemeral = 32768 + (unsigned)(dice & 0x7fff);
  uint64_t packets = flow->reject ? 1 + (dice >> 16 & 1) : 2 + (dice >> 16 & 0x3f);
  put_interface(out, world, flow->interface);
  flowgen_put(out, " ", 1);
  put_address(out, &world->hosts[flow->source]);
  flowgen_put(out, " ", 1);
  put_address(out, &world->hosts[flow->destination]);
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, flow->srcport != 0 ? flow->srcport : ephemeral);
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, flow->dstport != 0 ? flow->dstport : ephemeral);
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, flow->protocol);
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, packets);
  flowgen_put(out, " ", 1);
  flowgen_put_number(out, packets * (40 + (dice >> 24) % 1400));
  put_times(out, start, start + 15 + (int64_t)(dice >> 40) % 45);
  flowgen_put_string(out, flow->reject ? " REJECT OK\n" : " ACCEPT OK\n");
}

/* ---- files ---- */

static const char header[] =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets "
    "bytes start end action log-status\n";

static void write_packed(const char *path, const struct flowgen_text *text) {
  static uint8_t level[ISAL_DEF_LVL1_DEFAULT];
  size_t cap = text->len + text->len / 8 + 1024;
  uint8_t *packed = flowgen_alloc(cap, 1);
  struct isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.level = 1;
  stream.level_buf = level;
  stream.level_buf_size = sizeof level;
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = (uint8_t *)text->ptr;
  stream.avail_in = (uint32_t)text->len;
  stream.next_out = packed;
  stream.avail_out = (uint32_t)cap;
  if (isal_deflate_stateless(&stream) != COMP_OK) {
    errno = EOVERFLOW;
    flowgen_die("cannot pack", path);
  }
  flowgen_write_file(path, packed, stream.total_out);
  free(packed);
}

/* AWS names a file by the time at which it was written, here right after its five minutes. */
static void write_slot(struct world *world, unsigned account, int64_t written,
                       const struct flowgen_text *text) {
  static const char region[] = "us-east-1";
  char time[DIFFD_TIME_TEXT_MAX];
  char folder[4096];
  char path[8192];
  diffd_rfc3339_format(written, time);
  (void)snprintf(folder, sizeof folder, "%s/AWSLogs/%s/vpcflowlogs/%s/%.4s/%.2s/%.2s", world->options->out,
                 accounts[account], region, time, time + 5, time + 8);
  flowgen_make_folders(folder);
  uint64_t mixed = flowgen_mix(world->options->seed, (uint64_t)written + account);
  (void)snprintf(path, sizeof path, "%s/%s_vpcflowlogs_%s_fl-0%016llx_%.4s%.2s%.2sT%.2s%.2sZ_%08x.log.gz",
                 folder, accounts[account], region,
                 (unsigned long long)flowgen_mix(world->options->seed, ~account), time, time + 5, time + 8,
                 time + 11, time + 14, (unsigned)mixed);
  write_packed(path, text);
}

/* Interfaces that saw nothing, and now and then one whose records AWS lost. */
static void put_no_data(struct world *world, struct flowgen_text *out, uint32_t host, int64_t slot) {
  uint64_t dice = flowgen_below(&world->random, 50);
  if (dice > 10)
    return;
  put_interface(out, world, host);
  flowgen_put_string(out, " - - - - - - -");
  put_times(out, slot, slot + 59);
  flowgen_put_string(out, dice == 0 ? " - SKIPDATA\n" : " - NODATA\n");
}

/* Which flows have their sure record of the day in which slot: a list a slot, one after the other. */
struct schedule {
  uint32_t *flows;
  size_t begin[SLOTS_A_DAY + 1];
};

static void plan(struct world *world, int day, struct schedule *schedule) {
  uint16_t *slots = flowgen_alloc(world->flow_count, sizeof *slots);
  size_t at[SLOTS_A_DAY + 1] = {0};
  for (size_t i = 0; i < world->flow_count; i++) {
    slots[i] = (world->flows[i].days & 1U << day) != 0 ? (uint16_t)flowgen_below(&world->random, SLOTS_A_DAY)
                                                       : SLOTS_A_DAY;
    at[slots[i]]++;
  }
  size_t sum = 0;
  for (size_t slot = 0; slot <= SLOTS_A_DAY; slot++) {
    schedule->begin[slot] = sum;
    sum += at[slot];
    at[slot] = schedule->begin[slot];
  }
  schedule->flows = flowgen_alloc(sum, sizeof *schedule->flows);
  for (size_t i = 0; i < world->flow_count; i++)
    schedule->flows[at[slots[i]]++] = (uint32_t)i;
  free(slots);
}

/* How busy a slot is: the day has a noon and a night. */
static double busy(unsigned slot) {
  return 1 - 0.6 * cos(2 * 3.14159265358979 * slot / SLOTS_A_DAY);
}

struct totals {
  uint64_t records;
  uint64_t files;
};

static void make_slot(struct world *world, int day, unsigned slot, const struct schedule *schedule,
                      uint64_t extra, struct flowgen_text texts[static ACCOUNTS], struct totals *totals) {
  size_t sure = schedule->begin[slot + 1] - schedule->begin[slot];
  size_t count = sure + (size_t)extra;
  int64_t begin =
      world->options->start + (int64_t)day * SLOTS_A_DAY * SLOT_SECONDS + (int64_t)slot * SLOT_SECONDS;
  uint32_t *flows = flowgen_alloc(count, sizeof *flows);
  memcpy(flows, schedule->flows + schedule->begin[slot], sure * sizeof *flows);
  for (size_t i = sure; i < count; i++)
    flows[i] = pick(world, day);
  flowgen_shuffle(&world->random, flows, count);
  for (unsigned account = 0; account < ACCOUNTS; account++) {
    texts[account].len = 0;
    flowgen_put(&texts[account], header, sizeof header - 1);
  }
  for (size_t i = 0; i < count; i++) {
    const struct flow *flow = &world->flows[flows[i]];
    int64_t start = begin + (int64_t)flowgen_below(&world->random, SLOT_SECONDS);
    /* Some records come late, in the file of the slot after theirs; but never on another day. */
    if (slot > 0 && flowgen_below(&world->random, 32) == 0)
      start -= SLOT_SECONDS;
    put_record(world, &texts[world->hosts[flow->interface].account], flow, start);
  }
  put_no_data(world, &texts[0], 1, begin);
  for (unsigned account = 0; account < ACCOUNTS; account++)
    write_slot(world, account, begin + SLOT_SECONDS, &texts[account]);
  totals->records += count;
  totals->files += ACCOUNTS;
  free(flows);
}

static void make_day(struct world *world, int day, struct flowgen_text texts[static ACCOUNTS],
                     struct totals *totals) {
  struct schedule schedule;
  plan(world, day, &schedule);
  size_t sure = schedule.begin[SLOTS_A_DAY];
  uint64_t wanted = world->options->records / DAYS;
  uint64_t extra = wanted > sure ? wanted - sure : 0;
  double sum = 0;
  double made = 0;
  for (unsigned slot = 0; slot < SLOTS_A_DAY; slot++)
    sum += busy(slot);
  uint64_t given = 0;
  for (unsigned slot = 0; slot < SLOTS_A_DAY; slot++) {
    made += busy(slot);
    uint64_t due = slot + 1 == SLOTS_A_DAY ? extra : (uint64_t)((double)extra * made / sum);
    make_slot(world, day, slot, &schedule, due - given, texts, totals);
    given = due;
  }
  free(schedule.flows);
}

int flowgen_logs(const struct flowgen_options *options) {
  struct world world = {.options = options, .random = {.seed = options->seed}};
  struct flowgen_text texts[ACCOUNTS] = {0};
  struct totals totals = {0};
  struct cast cast = cast_of(&world);
  routine(&world, &cast);
  events(&world, &cast);
  clients(&world, &cast);
  sum_weights(&world);
  for (int day = 0; day < DAYS; day++)
    make_day(&world, day, texts, &totals);
  char times[DAYS + 1][DIFFD_TIME_TEXT_MAX];
  for (int day = 0; day <= DAYS; day++)
    diffd_rfc3339_format(options->start + (int64_t)day * SLOTS_A_DAY * SLOT_SECONDS, times[day]);
  (void)printf("records %llu\nfiles %llu\nprevious %s/%s\nnext %s/%s\n", (unsigned long long)totals.records,
               (unsigned long long)totals.files, times[0], times[1], times[1], times[2]);
  for (unsigned account = 0; account < ACCOUNTS; account++)
    free(texts[account].ptr);
  for (int day = 0; day < DAYS; day++)
    free(world.sums[day]);
  free(world.flows);
  free(world.hosts);
  return 0;
}
