/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 256, ADDRESS_BYTES = 16 };

/* An address as 16 bytes, IPv4 mapped into IPv6, so that both compare alike. */
struct address {
  unsigned char bytes[ADDRESS_BYTES];
};

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_address(const char *text, struct address *ret) {
  struct address address = {0};
  if (inet_pton(AF_INET6, text, address.bytes) == 1) {
    *ret = address;
    return true;
  }
  memcpy(address.bytes, mapped, sizeof mapped);
  if (inet_pton(AF_INET, text, address.bytes + sizeof mapped) != 1)
    return false;
  *ret = address;
  return true;
}

static bool is_loopback(const struct address *address) {
  static const unsigned char one[ADDRESS_BYTES] = {[15] = 1};
  bool v4 = memcmp(address->bytes, mapped, sizeof mapped) == 0;
  return v4 ? address->bytes[12] == 127 : memcmp(address->bytes, one, sizeof one) == 0;
}

static bool same_prefix(const struct address *a, const struct address *b, unsigned bits) {
  for (unsigned i = 0; i < ADDRESS_BYTES && bits > 0; i++) {
    unsigned here = bits < 8 ? bits : 8;
    if ((a->bytes[i] ^ b->bytes[i]) >> (8 - here) != 0)
      return false;
    bits -= here;
  }
  return true;
}

struct target {
  const char *name;
  unsigned port;
  bool is_address;
  struct address address;
};

/* `10.0.0.0/8` */
static bool network_matches(char *entry, char *slash, const struct target *target) {
  struct address network;
  char *end;
  *slash = '\0';
  bool v4 = strchr(entry, ':') == NULL;
  unsigned long bits = strtoul(slash + 1, &end, 10);
  if (!target->is_address || end == slash + 1 || *end != '\0' || bits > (v4 ? 32U : 128U) ||
      !parse_address(entry, &network))
    return false;
  return same_prefix(&network, &target->address, (unsigned)bits + (v4 ? 96U : 0U));
}

/* Cuts `:port` off the entry; false where there is one that is not the target's. */
static bool port_matches(char **entry, const struct target *target) {
  char *text = *entry;
  char *port = NULL;
  if (text[0] == '[') {
    char *close = strchr(text, ']');
    if (close == NULL)
      return false;
    *close = '\0';
    *entry = text + 1;
    port = close[1] == ':' ? close + 2 : NULL;
  } else {
    char *colon = strchr(text, ':');
    if (colon != NULL && strchr(colon + 1, ':') == NULL) { /* two colons: an IPv6 address without port */
      *colon = '\0';
      port = colon + 1;
    }
  }
  return port == NULL || strtoul(port, NULL, 10) == target->port;
}

static bool name_matches(const char *entry, const char *name) {
  if (entry[0] == '*' && entry[1] == '.')
    entry++;
  size_t name_len = strlen(name);
  size_t len = strlen(entry);
  if (entry[0] != '.' && strcasecmp(entry, name) == 0)
    return true;
  const char *tail = entry[0] == '.' ? entry + 1 : entry;
  len = strlen(tail);
  return len > 0 && name_len > len + 1 && name[name_len - len - 1] == '.' &&
         strcasecmp(name + name_len - len, tail) == 0;
}

static bool entry_matches(char *entry, const struct target *target) {
  struct address address;
  if (strcmp(entry, "*") == 0)
    return true;
  char *slash = strchr(entry, '/');
  if (slash != NULL)
    return network_matches(entry, slash, target);
  if (!port_matches(&entry, target) || entry[0] == '\0')
    return false;
  if (parse_address(entry, &address))
    return target->is_address && same_prefix(&address, &target->address, ADDRESS_BYTES * 8);
  return name_matches(entry, target->name);
}

static bool goes_directly(const char *no, const struct target *target) {
  if (strcasecmp(target->name, "localhost") == 0 || (target->is_address && is_loopback(&target->address)))
    return true;
  while (no != NULL && *no != '\0') {
    char entry[NAME_MAX_BYTES];
    no += strspn(no, ", \t");
    size_t len = strcspn(no, ", \t");
    if (len > 0 && len < sizeof entry) { /* a longer one names no host */
      memcpy(entry, no, len);
      entry[len] = '\0';
      if (entry_matches(entry, target))
        return true;
    }
    no += len;
  }
  return false;
}

const char *diffd_proxy_choose(const struct diffd_proxies *proxies, const char *scheme, const char *host,
                               unsigned port) {
  const char *proxy = strcmp(scheme, "https") == 0 ? proxies->https : proxies->http;
  if (proxy == NULL || proxy[0] == '\0')
    return "";
  char name[NAME_MAX_BYTES];
  size_t len = strlen(host);
  if (host[0] == '[' && len > 2) {
    host++;
    len -= 2;
  }
  if (len >= sizeof name) /* no DNS name is so long */
    return proxy;
  memcpy(name, host, len);
  name[len] = '\0';
  struct target target = {.name = name, .port = port};
  target.is_address = parse_address(name, &target.address);
  return goes_directly(proxies->no, &target) ? "" : proxy;
}
