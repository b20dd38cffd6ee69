/*
 * lwIP within the agent: its start, its loopback interface, and the end of calls that wait.
 *
 * A signal does not end a call of lwIP, which waits on conditions of its own. All of its waits go through
 * two functions of the port to the operating system, sys_arch_mbox_fetch() and sys_arch_sem_wait(), which
 * lwIP expects whoever uses it to provide. This program has both, and so they stand in for those of the
 * library: they wait in slices by the library's own, and look between these whether the call is to end. A
 * receive and an accept end as at their SO_RCVTIMEO, a send as at its SO_SNDTIMEO, a connect goes on by
 * itself as one that does not block, and a close no longer lingers. Nothing else of the stack differs.
 */

#define _GNU_SOURCE /* RTLD_NEXT */

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stack.h"

#include "lwip/api.h"
#include "lwip/netif.h"
#include "lwip/priv/api_msg.h"
#include "lwip/priv/sockets_priv.h"
#include "lwip/sys.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"

/* ---- The end of calls that wait ------------------------------------------------------------------ */

#define SLICE 5 /* milliseconds */

/* The call that a thread is in. */
static _Thread_local struct waiting {
    enum { NONE, RECEIVE, SEND, CONNECT, CLOSE, POLL } call;
    int fd;
    volatile sig_atomic_t is_broken;
    jmp_buf out; /* of a connect */
} waiting;

void stack_break(void)
{
    waiting.is_broken = 1;
}

/* Makes a call that can wait. */
#define WAITING(kind, descriptor, result, expression)  \
    do {                                               \
        waiting.is_broken = 0;                         \
        waiting.fd = (descriptor);                     \
        waiting.call = (kind);                         \
        result = (expression);                         \
        waiting.call = NONE;                           \
        if (result < 0 && waiting.is_broken)           \
            errno = EINTR;                             \
    } while (0)

typedef u32_t fetch_function(sys_mbox_t *box, void **message, u32_t timeout);
typedef u32_t wait_function(sys_sem_t *semaphore, u32_t timeout);

/* The library's own, found before it has a second thread. */
static fetch_function *fetch;
static wait_function *await_semaphore;

static void find_own(void)
{
    *(void **)&fetch = dlsym(RTLD_NEXT, "sys_arch_mbox_fetch");
    *(void **)&await_semaphore = dlsym(RTLD_NEXT, "sys_arch_sem_wait");
}

static uint64_t nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* What is left of a wait that began at some moment and has a limit in milliseconds, in these and rounded
   up; a whole slice if the limit is 0, which is none. */
static u32_t left_of(uint64_t began, u32_t timeout)
{
    uint64_t passed = nanoseconds() - began, limit = timeout * UINT64_C(1000000);
    return !timeout ? SLICE : passed < limit ? (u32_t)((limit - passed + 999999) / 1000000) : 0;
}

/* The next slice of such a wait; 0 where it is over. */
static u32_t slice(uint64_t began, u32_t timeout)
{
    u32_t left = waiting.is_broken ? 0 : left_of(began, timeout);
    return left < SLICE ? left : SLICE;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *box, void **message, u32_t timeout)
{
    u32_t result = SYS_ARCH_TIMEOUT, next;
    if (waiting.call != RECEIVE)
        return fetch(box, message, timeout);
    for (uint64_t began = nanoseconds(); result == SYS_ARCH_TIMEOUT && (next = slice(began, timeout));)
        result = fetch(box, message, next);
    return result;
}

/* Does what the end of a call means for its connection, unless that has just come to its own end, which is
   then signalled. The lock is that of the stack, under which it comes to such ends. */
static bool gives_up(struct netconn *connection)
{
    LOCK_TCPIP_CORE();
    struct api_msg *message = connection->current_msg;
    if (message) {
        connection->current_msg = NULL;
        message->err = ERR_OK;
        if (waiting.call == CONNECT) {
            connection->flags |= NETCONN_FLAG_IN_NONBLOCKING_CONNECT;
        } else {
            connection->state = NETCONN_NONE;
            if (waiting.call == SEND && !message->msg.w.offset)
                message->err = ERR_WOULDBLOCK;
        }
        if (waiting.call == CLOSE) { /* its end is sent already, and what is left goes on without it */
            tcp_arg(connection->pcb.tcp, NULL);
            tcp_sent(connection->pcb.tcp, NULL);
            tcp_poll(connection->pcb.tcp, NULL, 0);
            tcp_err(connection->pcb.tcp, NULL);
            connection->pcb.tcp = NULL;
        }
    }
    UNLOCK_TCPIP_CORE();
    return message != NULL;
}

u32_t sys_arch_sem_wait(sys_sem_t *semaphore, u32_t timeout)
{
    struct lwip_sock *socket = NULL;
    u32_t result = SYS_ARCH_TIMEOUT, next;
    if (waiting.call == SEND || waiting.call == CONNECT || waiting.call == CLOSE)
        socket = lwip_socket_dbg_get_socket(waiting.fd);
    bool is_completion = socket && socket->conn && semaphore == &socket->conn->op_completed;
    if (!await_semaphore)
        find_own();
    if (!is_completion && (waiting.call != POLL || !timeout))
        return await_semaphore(semaphore, timeout);
    for (uint64_t began = nanoseconds(); result == SYS_ARCH_TIMEOUT && (next = slice(began, timeout));)
        result = await_semaphore(semaphore, next);
    if (result != SYS_ARCH_TIMEOUT || !is_completion)
        return result;
    if (!gives_up(socket->conn))
        return await_semaphore(semaphore, 0);
    if (waiting.call == CONNECT) /* whose caller would take it to be over; it holds nothing here */
        longjmp(waiting.out, 1);
    return 0;
}

int stack_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int result = -1;
    if (!setjmp(waiting.out))
        WAITING(CONNECT, fd, result, lwip_connect(fd, address, length));
    else
        errno = EINTR;
    waiting.call = NONE;
    return result;
}

int stack_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    int result;
    WAITING(RECEIVE, fd, result, lwip_accept(fd, address, length));
    return result;
}

ssize_t stack_send(int fd, const void *bytes, size_t length, int flags)
{
    ssize_t result;
    WAITING(SEND, fd, result, lwip_send(fd, bytes, length, flags));
    return result;
}

ssize_t stack_sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address,
                     socklen_t address_length)
{
    ssize_t result;
    WAITING(SEND, fd, result, lwip_sendto(fd, bytes, length, flags, address, address_length));
    return result;
}

ssize_t stack_write(int fd, const void *bytes, size_t length)
{
    ssize_t result;
    WAITING(SEND, fd, result, lwip_write(fd, bytes, length));
    return result;
}

ssize_t stack_recv(int fd, void *bytes, size_t length, int flags)
{
    ssize_t result;
    WAITING(RECEIVE, fd, result, lwip_recv(fd, bytes, length, flags));
    return result;
}

ssize_t stack_recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t result;
    ssize_t room = (ssize_t)message->msg_iov->iov_len;
    WAITING(RECEIVE, fd, result, lwip_recvmsg(fd, message, flags));
    return result < room ? result : room; /* lwIP gives the length of a datagram before it was cut */
}

ssize_t stack_read(int fd, void *bytes, size_t length)
{
    ssize_t result;
    WAITING(RECEIVE, fd, result, lwip_read(fd, bytes, length));
    return result;
}

int stack_poll(struct pollfd *polled, nfds_t count, int timeout)
{
    int result;
    WAITING(POLL, -1, result, lwip_poll(polled, count, timeout));
    if (!result && waiting.is_broken) {
        errno = EINTR;
        result = -1;
    }
    return result;
}

int stack_close(int fd)
{
    int result;
    WAITING(CLOSE, fd, result, lwip_close(fd));
    return result;
}

int stack_dup(int fd)
{
    (void)fd;
    errno = ENOSYS;
    return -1;
}

/* ---- The start, and the loopback interface ------------------------------------------------------- */

static struct netif loopback;
/* An interface of lwIP has one IPv4 address, so each further one gets an interface of its own. */
static struct netif further[64];

static bool takes_links;

bool stack_option(const char *argument)
{
    bool is_known = !strcmp(argument, "--link");
    takes_links |= is_known;
    return is_known;
}

static err_t send_back(struct netif *netif, struct pbuf *packet, const ip4_addr_t *address)
{
    (void)address;
    return netif_loop_output(netif, packet);
}

static err_t send_back_ip6(struct netif *netif, struct pbuf *packet, const ip6_addr_t *address)
{
    (void)address;
    return netif_loop_output(netif, packet);
}

static err_t begin_loopback(struct netif *netif)
{
    netif->name[0] = 'l';
    netif->name[1] = 'o';
    netif->output = send_back;
    netif->output_ip6 = send_back_ip6;
    return ERR_OK;
}

static void add_loopback(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *mask)
{
    netif_add(netif, address, mask, IP4_ADDR_ANY4, NULL, begin_loopback, tcpip_input);
    netif_set_link_up(netif);
    netif_set_up(netif);
}

void stack_start(void)
{
    ip4_addr_t address, mask;
    ip6_addr_t address6;
    srand((unsigned)time(NULL) ^ (unsigned)getpid() << 16);
    find_own();
    stdout = stderr; /* where lwIP says which assertion failed, before it aborts */
    tcpip_init(NULL, NULL);
    LOCK_TCPIP_CORE();
    IP4_ADDR(&address, 127, 0, 0, 1);
    IP4_ADDR(&mask, 255, 0, 0, 0);
    add_loopback(&loopback, &address, &mask);
    ip6_addr_set_loopback(&address6);
    netif_ip6_addr_set(&loopback, 0, &address6);
    netif_ip6_addr_set_state(&loopback, 0, IP6_ADDR_PREFERRED);
    netif_set_default(&loopback);
    UNLOCK_TCPIP_CORE();
    if (takes_links)
        link_take_over();
}

void stack_own(const struct in_addr *in_addr)
{
    static size_t next;
    ip4_addr_t address = {in_addr->s_addr}, mask = {IPADDR_BROADCAST};
    struct netif *netif = &further[next % LWIP_ARRAYSIZE(further)];
    if (ip4_addr1(&address) != 127 || address.addr == PP_HTONL(0x7fffffff))
        return;
    LOCK_TCPIP_CORE();
    bool is_own = ip4_addr_cmp(&address, netif_ip4_addr(&loopback));
    for (size_t index = 0; index < LWIP_ARRAYSIZE(further); index++)
        is_own |= ip4_addr_cmp(&address, netif_ip4_addr(&further[index]));
    if (!is_own && next < LWIP_ARRAYSIZE(further))
        add_loopback(netif, &address, &mask);
    else if (!is_own) /* that of a case long over */
        netif_set_ipaddr(netif, &address);
    next += is_own ? 0 : 1;
    UNLOCK_TCPIP_CORE();
}
