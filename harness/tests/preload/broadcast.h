/* What the faults below have in common: telling a broadcast from everything else. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

/* 255.255.255.255, the broadcast address of 127.0.0.0/8, and those of the subnets that the harness
   makes, which have 12 bits for the host. */
static int is_broadcast(const struct sockaddr *address)
{
    if (!address || address->sa_family != AF_INET)
        return 0;
    unsigned ip = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
    return ip == 0xffffffff || ip == 0x7fffffff || (ip >> 24 == 10 && (ip & 0xfff) == 0xfff);
}

typedef ssize_t sendto_function(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

static sendto_function *real_sendto(void)
{
    static sendto_function *real;
    if (!real)
        real = (sendto_function *)dlsym(RTLD_NEXT, "sendto");
    return real;
}
