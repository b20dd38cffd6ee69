/*
 * The links of a host as lwIP's: everything but the loopback interface is taken over from the kernel.
 *
 * A packet socket carries the frames. lwIP gets the addresses that the kernel had, which is left without
 * any, and so no longer answers. What a link's other end leaves to hardware that it takes to be there is
 * done here: the kernel says with each frame where a checksum is missing (PACKET_VNET_HDR). Frames that are
 * still to be cut up are longer than the link's packets, which lwIP does not mind.
 */

#define _GNU_SOURCE /* the interfaces of Linux */

#include <errno.h>
#include <ifaddrs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stack.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/netif.h"
#include "lwip/tcpip.h"
#include "netif/ethernet.h"

#define MOST_LINKS 2
#define LARGEST ((size_t)1 << 17) /* bytes of a frame */

static struct link {
    struct netif netif;
    char name[IFNAMSIZ];
    int index, mtu;
    unsigned char mac[ETH_ALEN];
    int packets; /* a socket */
} links[MOST_LINKS];

static _Noreturn void fail(const char *what, const char *name)
{
    fprintf(stderr, "lwip: %s of %s: %s\n", what, name, strerror(errno));
    _exit(2);
}

/* ---- Frames -------------------------------------------------------------------------------------- */

static err_t send_frame(struct netif *netif, struct pbuf *packet)
{
    struct link *link = netif->state;
    struct virtio_net_hdr nothing_left_to_do = {0};
    unsigned char bytes[2048];
    struct iovec parts[] = {{&nothing_left_to_do, sizeof nothing_left_to_do}, {bytes, packet->tot_len}};
    if (packet->tot_len > sizeof bytes)
        return ERR_BUF;
    pbuf_copy_partial(packet, bytes, packet->tot_len, 0);
    return writev(link->packets, parts, 2) < 0 ? ERR_IF : ERR_OK;
}

/* Writes the checksum that a frame's sender has left to be done; its place has the sum of what stands
   before the bytes that it covers (RFC 1071). */
static void complete_checksum(const struct virtio_net_hdr *left, unsigned char *bytes, size_t length)
{
    size_t start = left->csum_start, place = start + left->csum_offset;
    uint32_t sum = 0;
    if (!(left->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || place + 2 > length)
        return;
    for (size_t index = start; index < length; index++)
        sum += (index - start) % 2 ? bytes[index] : (uint32_t)bytes[index] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = sum == 0xffff ? sum : ~sum & 0xffff; /* of UDP, where 0 means that there is none */
    bytes[place] = (unsigned char)(sum >> 8);
    bytes[place + 1] = (unsigned char)sum;
}

/* Gives lwIP every frame that arrives. */
static void *receive_frames(void *argument)
{
    struct link *link = argument;
    unsigned char *bytes = malloc(LARGEST);
    struct virtio_net_hdr left;
    struct iovec parts[] = {{&left, sizeof left}, {bytes, LARGEST}};
    ssize_t count;
    while ((count = readv(link->packets, parts, 2)) >= 0 || errno == EINTR || errno == ENETDOWN) {
        size_t length = count < (ssize_t)sizeof left ? 0 : (size_t)count - sizeof left;
        bool fits = length && length <= UINT16_MAX;
        struct pbuf *packet = fits ? pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM) : NULL;
        if (!packet)
            continue;
        complete_checksum(&left, bytes, length);
        pbuf_take(packet, bytes, (u16_t)length);
        if (link->netif.input(packet, &link->netif) != ERR_OK)
            pbuf_free(packet);
    }
    free(bytes);
    return NULL; /* the link is gone */
}

static err_t begin(struct netif *netif)
{
    struct link *link = netif->state;
    memcpy(netif->name, "et", 2);
    memcpy(netif->hwaddr, link->mac, sizeof link->mac);
    netif->hwaddr_len = sizeof link->mac;
    netif->mtu = (u16_t)link->mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP |
                   NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

/* ---- Taking over --------------------------------------------------------------------------------- */

/* Opens the socket for the frames of a link, those that this host sends excepted. */
static void open_packets(struct link *link)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    const int on = 1, room = 4 << 20;
    address.sll_ifindex = link->index;
    link->packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (link->packets < 0 || setsockopt(link->packets, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
        setsockopt(link->packets, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        bind(link->packets, (struct sockaddr *)&address, sizeof address) < 0)
        fail("the frames", link->name);
    setsockopt(link->packets, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
}

/* Takes an address from the kernel. */
static void remove_address(const struct link *link, const struct ifaddrs *entry)
{
    int family = entry->ifa_addr->sa_family, fd = socket(family, SOCK_DGRAM, 0), result;
    if (family == AF_INET) {
        struct ifreq request = {.ifr_addr.sa_family = AF_INET}; /* and the address 0.0.0.0 */
        memcpy(request.ifr_name, link->name, sizeof request.ifr_name);
        result = ioctl(fd, SIOCSIFADDR, &request);
    } else {
        struct { /* struct in6_ifreq of linux/ipv6.h, which netinet/in.h does not go with */
            struct in6_addr address;
            uint32_t prefix;
            int index;
        } request = {.index = link->index};
        const unsigned char *mask = ((struct sockaddr_in6 *)(void *)entry->ifa_netmask)->sin6_addr.s6_addr;
        request.address = ((struct sockaddr_in6 *)(void *)entry->ifa_addr)->sin6_addr;
        for (size_t byte = 0; byte < sizeof request.address; byte++)
            request.prefix += (uint32_t)__builtin_popcount(mask[byte]);
        result = ioctl(fd, SIOCDIFADDR, &request);
    }
    if (result < 0 && errno != EADDRNOTAVAIL)
        fail("the addresses", link->name);
    close(fd);
}

static void take_address(struct link *link, const struct ifaddrs *entry)
{
    if (entry->ifa_addr->sa_family == AF_INET) {
        ip4_addr_t address = {((struct sockaddr_in *)(void *)entry->ifa_addr)->sin_addr.s_addr};
        ip4_addr_t mask = {((struct sockaddr_in *)(void *)entry->ifa_netmask)->sin_addr.s_addr};
        netif_set_addr(&link->netif, &address, &mask, IP4_ADDR_ANY4);
    } else {
        ip6_addr_t address = {0};
        s8_t index = -1;
        memcpy(address.addr, &((struct sockaddr_in6 *)(void *)entry->ifa_addr)->sin6_addr, 16);
        ip6_addr_assign_zone(&address, IP6_UNICAST, &link->netif);
        if (netif_add_ip6_address(&link->netif, &address, &index) == ERR_OK)
            netif_ip6_addr_set_state(&link->netif, index, IP6_ADDR_PREFERRED); /* it is known to be unique */
    }
}

/* Writes down the links that there are. */
static size_t find_links(const struct ifaddrs *all)
{
    size_t count = 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (const struct ifaddrs *entry = all; entry && count < MOST_LINKS; entry = entry->ifa_next) {
        const struct sockaddr_ll *address = (const void *)entry->ifa_addr;
        if (!address || address->sll_family != AF_PACKET || entry->ifa_flags & IFF_LOOPBACK)
            continue;
        struct link *link = &links[count++];
        struct ifreq request = {0};
        snprintf(link->name, sizeof link->name, "%s", entry->ifa_name);
        memcpy(request.ifr_name, link->name, sizeof request.ifr_name);
        if (ioctl(fd, SIOCGIFMTU, &request) < 0)
            fail("the MTU", link->name);
        link->index = address->sll_ifindex;
        link->mtu = request.ifr_mtu;
        memcpy(link->mac, address->sll_addr, sizeof link->mac);
    }
    close(fd);
    return count;
}

static void take_over(struct link *link, const struct ifaddrs *all)
{
    pthread_t thread;
    open_packets(link);
    for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
        int family = entry->ifa_addr ? entry->ifa_addr->sa_family : AF_UNSPEC;
        if (!strcmp(entry->ifa_name, link->name) && (family == AF_INET || family == AF_INET6))
            remove_address(link, entry);
    }
    LOCK_TCPIP_CORE();
    netif_add(&link->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, link, begin, tcpip_input);
    netif_set_link_up(&link->netif);
    netif_set_up(&link->netif);
    for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
        int family = entry->ifa_addr ? entry->ifa_addr->sa_family : AF_UNSPEC;
        if (!strcmp(entry->ifa_name, link->name) && (family == AF_INET || family == AF_INET6))
            take_address(link, entry);
    }
    link->netif.rs_count = 0; /* there are no routers to look for */
    netif_set_default(&link->netif);
    UNLOCK_TCPIP_CORE();
    if (pthread_create(&thread, NULL, receive_frames, link))
        fail("a thread", link->name);
    pthread_detach(thread);
}

void link_take_over(void)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) < 0)
        fail("the addresses", "this host");
    size_t count = find_links(all);
    for (size_t index = 0; index < count; index++)
        take_over(&links[index], all);
    freeifaddrs(all);
}
