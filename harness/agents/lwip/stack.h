/*
 * lwIP's sockets as the platform of native-c/agent.c: what its calls are, and what they lack.
 *
 * This is lwIP 2.1.3 as Debian's liblwip-dev has it. It shares the numbers and structures of the system
 * (LWIP_SOCKET_EXTERNAL_HEADERS), and is built without lwip_select() and without LWIP_NETCONN_FULLDUPLEX.
 */

#ifndef STACK_H
#define STACK_H

#include <stdbool.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#undef TCP_MSS /* that of the system; lwIP has one of its own */

#include "lwip/init.h"
#include "lwip/sockets.h"

#define NET(call) stack_##call
#define NET_ERROR errno
#define IS_LINUX 0
#define HAS_MSG_MORE
#define WITHOUT_SELECT

#define PLATFORM_VERSION "lwIP " LWIP_VERSION_STRING ", "
#define PLATFORM_OPTION(argument) stack_option(argument)
#define PLATFORM_START() stack_start()
#define PLATFORM_ADDRESS(in_addr) stack_own(in_addr)
#define PLATFORM_BREAK() stack_break()
#define CLOSES_PENDING false

#define NO_OPTION "lwip_setsockopt() has no such option"
#define LACKS                                                                                             \
    {"unix", "lwIP has no such sockets"}, {"unix-dgram", "lwIP has no such sockets"},                     \
        {"dup", "lwIP has no dup()"}, {"select", "the library is built with LWIP_SOCKET_SELECT=0"},       \
        {"epoll", "lwIP has none"}, {"wait-all", "lwip/sockets.h calls MSG_WAITALL unimplemented"},       \
        {"truncation", "lwip_recvmsg() takes MSG_PEEK and MSG_DONTWAIT only"},                            \
        {"error-queue", "lwIP has none"}, {"raise", "lwIP raises no signals"},                            \
        {"signals", "a signal does not reach a call of lwIP"}, {"tcp-info", "lwIP has no TCP_INFO"},      \
        {"SO_DONTROUTE", NO_OPTION}, {"SO_OOBINLINE", NO_OPTION}, {"SO_RCVLOWAT", NO_OPTION},             \
        {"SO_SNDBUF", NO_OPTION}, {"SO_REUSEPORT", NO_OPTION}, {"TCP_CORK", NO_OPTION},                   \
        {"SO_BINDTODEVICE", "lwip_setsockopt() wants a struct ifreq, not a name"},                        \
        {"TCP_INFO", NO_OPTION}, {"TCP_LINGER2", NO_OPTION}, {"TCP_MAXSEG", NO_OPTION},                   \
        {"TCP_QUICKACK", NO_OPTION}, {"TCP_SYNCNT", NO_OPTION}, {"TCP_USER_TIMEOUT", NO_OPTION},          \
        {"IP_RECVERR", NO_OPTION}, {"IPV6_RECVERR", NO_OPTION},

/* These never wait. */
#define stack_socket lwip_socket
#define stack_bind lwip_bind
#define stack_listen lwip_listen
#define stack_shutdown lwip_shutdown
#define stack_getsockopt lwip_getsockopt
#define stack_setsockopt lwip_setsockopt
#define stack_getsockname lwip_getsockname
#define stack_getpeername lwip_getpeername
#define stack_fcntl lwip_fcntl
#define stack_ioctl lwip_ioctl

/* lwIP's calls that can wait, and end with EINTR where stack_break() was called in the signal handler of
   their thread. */
int stack_connect(int fd, const struct sockaddr *address, socklen_t length);
int stack_accept(int fd, struct sockaddr *address, socklen_t *length);
ssize_t stack_send(int fd, const void *bytes, size_t length, int flags);
ssize_t stack_sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address,
                     socklen_t address_length);
ssize_t stack_write(int fd, const void *bytes, size_t length);
ssize_t stack_recv(int fd, void *bytes, size_t length, int flags);
ssize_t stack_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t stack_read(int fd, void *bytes, size_t length);
int stack_poll(struct pollfd *polled, nfds_t count, int timeout);
int stack_close(int fd);
/* There is none: it fails with ENOSYS. */
int stack_dup(int fd);

void stack_break(void);

/* `--link`: take over the links of this network namespace. */
bool stack_option(const char *argument);
/* Starts the stack, with a loopback interface. */
void stack_start(void);
/* Makes an address of 127.0.0.0/8 one of this host's, as all of them are where sockets meet the scenarios. */
void stack_own(const struct in_addr *address);

/* Takes every link of this network namespace over from the kernel. */
void link_take_over(void);

#endif
