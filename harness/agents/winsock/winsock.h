/*
 * Winsock 2 as the platform of native-c/agent.c: what its calls are, and what they lack.
 *
 *     x86_64-w64-mingw32-gcc -O2 -static '-DPLATFORM="../winsock/winsock.h"' \
 *         -o agent.exe ../native-c/agent.c -lws2_32 -lpthread
 *
 * A call that waits is a plain blocking call, as that is what is under test. It is ended by CancelIoEx(),
 * which ends whatever is pending on its socket; a call that was not meant is made again. Errors get the POSIX
 * name of the same meaning, and keep their number beside it.
 */

#ifndef WINSOCK_H
#define WINSOCK_H

#define WIN32_LEAN_AND_MEAN
#include <io.h>
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

/* Names of Windows that the agent has for something else. */
#define LINGER AGENT_LINGER
#define SIZE AGENT_SIZE
#define TIMEVAL AGENT_TIMEVAL
#undef ERROR

#define NET(call) winsock_##call
#define NET_ERROR winsock_error()
#define NET_NUMBER(error) winsock_number(error)
#define NET_TEXT(error) winsock_text(error)
#define IS_LINUX 0
#define HAS_SIGNALS 0
#define HAS_READ_WRITE 0

#define PLATFORM_VERSION winsock_version()
#define PLATFORM_START() winsock_start()
#define PLATFORM_CANCEL(socket) (void)CancelIoEx((HANDLE)(SOCKET)(socket), NULL)
#define PLATFORM_HELLO ",\"names\":\"class\"" /* those of Winsock are its own */
#define LIMIT_FORM MILLISECONDS /* a DWORD (SOL_SOCKET Socket Options) */
#define LIMIT_ERROR ETIMEDOUT   /* WSAETIMEDOUT (recv function) */

#define NO_OPTION "Winsock has no such option"
#define NO_LOCAL "Winsock knows unix sockets by paths only, and Wine has none"
#define LACKS                                                                                             \
    {"unix", NO_LOCAL}, {"unix-dgram", NO_LOCAL}, {"epoll", "Winsock has none"},                          \
        {"read-write", "a socket is no descriptor of the C library"},                                     \
        {"cut-datagrams", "a receive fails with WSAEMSGSIZE then, though what fits is in its buffer"},     \
        {"dont-wait", "Winsock has no MSG_DONTWAIT"}, {"more", "Winsock has no MSG_MORE"},                \
        {"truncation", "Winsock has no MSG_TRUNC"}, {"error-queue", "Winsock has none"},                  \
        {"raise", "Winsock raises no signals"}, {"signals", "Windows has no signals for threads"},        \
        {"tcp-info", "SIO_TCP_INFO is new in Windows 10, and Wine does not have it"},                     \
        {"SO_RCVLOWAT", "Winsock does not support it (SOL_SOCKET Socket Options)"},                       \
        {"SO_REUSEPORT", NO_OPTION}, {"SO_BINDTODEVICE", NO_OPTION}, {"TCP_CORK", NO_OPTION},             \
        {"TCP_INFO", NO_OPTION}, {"TCP_LINGER2", NO_OPTION}, {"TCP_QUICKACK", NO_OPTION},                 \
        {"TCP_SYNCNT", NO_OPTION}, {"TCP_USER_TIMEOUT", NO_OPTION}, {"TCP_MAXSEG", NEW_OPTION},            \
        {"TCP_KEEPCNT", NEW_OPTION}, {"TCP_KEEPIDLE", NEW_OPTION}, {"TCP_KEEPINTVL", NEW_OPTION},         \
        {"IP_RECVERR", NEW_OPTION}, {"IPV6_RECVERR", NEW_OPTION},
#define NEW_OPTION "the headers of mingw-w64 do not have it"

/* ---- What POSIX has, and Windows does not -------------------------------------------------------- */

#define SHUT_RD SD_RECEIVE
#define SHUT_WR SD_SEND
#define SHUT_RDWR SD_BOTH
#define MSG_DONTWAIT (1 << 24) /* of this file alone, for a fill */
#ifndef MSG_TRUNC
#define MSG_TRUNC (1 << 25) /* of this file alone, and never seen: it is not offered */
#endif
#define ESHUTDOWN WSAESHUTDOWN
#define EHOSTDOWN WSAEHOSTDOWN
#define F_GETFL 1
#define F_SETFL 2
#define F_SETFD 3
#define FD_CLOEXEC 1
#define O_NONBLOCK 1

typedef long suseconds_t;

struct sockaddr_un {
    unsigned short sun_family;
    char sun_path[108];
};

struct iovec {
    void *iov_base;
    size_t iov_len;
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    size_t msg_iovlen;
    int msg_flags;
};

struct utsname {
    char sysname[64], release[64];
};

/* Of a descriptor of the C library: no program is started, so none can inherit it. */
static int fcntl(int fd, int command, int value)
{
    (void)fd, (void)command, (void)value;
    return 0;
}

/* Of standard input or output, which are never non-blocking here. */
static int poll(struct pollfd *polled, unsigned long count, int timeout)
{
    (void)polled, (void)count, (void)timeout;
    Sleep(1);
    return 0;
}

/* A function that only Wine has, where this is Wine (its developer's guide). */
static void *wine_function(const char *name)
{
    return (void *)(uintptr_t)GetProcAddress(GetModuleHandleA("ntdll.dll"), name);
}

static int uname(struct utsname *system)
{
    void (*host)(const char **, const char **) = wine_function("wine_get_host_version");
    const char *sysname = "Windows", *release = "";
    if (host)
        host(&sysname, &release);
    snprintf(system->sysname, sizeof system->sysname, "%s", sysname);
    snprintf(system->release, sizeof system->release, "%s", release);
    return 0;
}

/* ---- Errors -------------------------------------------------------------------------------------- */

/* What WSAEWOULDBLOCK means of connect(): that the attempt goes on. POSIX has a name of its own for it. */
#define WSAEWOULDBLOCK_CONNECT (1 << 16 | WSAEWOULDBLOCK)

static const struct winsock_error {
    int posix, number;
    const char *name;
} winsock_errors[] = {
#define SAME(name) {name, WSA##name, "WSA" #name}
#define LIKE(posix, name) {posix, name, #name}
    SAME(EACCES),        SAME(EADDRINUSE),   SAME(EADDRNOTAVAIL),   SAME(EAFNOSUPPORT), SAME(EALREADY),
    SAME(EBADF),         SAME(ECONNABORTED), SAME(ECONNREFUSED),    SAME(ECONNRESET),   SAME(EDESTADDRREQ),
    SAME(EFAULT),        SAME(EHOSTDOWN),    SAME(EHOSTUNREACH),    SAME(EINPROGRESS),  SAME(EINTR),
    SAME(EINVAL),        SAME(EISCONN),      SAME(EMFILE),          SAME(EMSGSIZE),     SAME(ENETDOWN),
    SAME(ENETRESET),     SAME(ENETUNREACH),  SAME(ENOBUFS),         SAME(ENOPROTOOPT),  SAME(ENOTCONN),
    SAME(ENOTSOCK),      SAME(EOPNOTSUPP),   SAME(EPROTONOSUPPORT), SAME(EPROTOTYPE),   SAME(ESHUTDOWN),
    SAME(ETIMEDOUT),
    LIKE(EAGAIN, WSAEWOULDBLOCK),
    LIKE(EINPROGRESS, WSAEWOULDBLOCK_CONNECT),
    LIKE(EINTR, WSA_OPERATION_ABORTED), /* by CancelIoEx(), or as the socket was closed */
    LIKE(ENOMEM, WSA_NOT_ENOUGH_MEMORY),
};

/* What the calling thread's last call failed with. */
static _Thread_local struct winsock_error winsock_last;

static int winsock_error(void)
{
    int number = WSAGetLastError();
    winsock_last = (struct winsock_error){number, number, "an error of Windows without a name here"};
    for (size_t index = 0; index < sizeof winsock_errors / sizeof *winsock_errors; index++)
        if (winsock_errors[index].number == number)
            winsock_last = winsock_errors[index];
    return winsock_last.posix;
}

static int winsock_number(int error)
{
    return error == winsock_last.posix ? winsock_last.number & 0xffff : error;
}

static const char *winsock_text(int error)
{
    return error == winsock_last.posix ? winsock_last.name : strerror(error);
}

/* ---- Whether a socket waits ---------------------------------------------------------------------- */

/* Winsock does not tell whether a socket is non-blocking, so that is written down, by the handle. */
static bool winsock_modes[1 << 16];

/* Where that stands: handles are multiples of four. */
static bool *winsock_mode(int socket)
{
    static bool none;
    size_t index = (unsigned)socket / 4;
    return index < sizeof winsock_modes / sizeof *winsock_modes ? &winsock_modes[index] : &none;
}

/* Writes the mode of a new socket down. */
static int winsock_made(SOCKET made, bool is_nonblocking)
{
    if (made != INVALID_SOCKET)
        *winsock_mode((int)made) = is_nonblocking;
    return (int)made;
}

static int winsock_fcntl(int socket, int command, int value)
{
    u_long is_nonblocking = value & O_NONBLOCK;
    if (command == F_GETFL)
        return *winsock_mode(socket) ? O_NONBLOCK : 0;
    int result = ioctlsocket((SOCKET)socket, FIONBIO, &is_nonblocking);
    if (!result)
        *winsock_mode(socket) = is_nonblocking;
    return result;
}

/* ---- Calls --------------------------------------------------------------------------------------- */

#define winsock_bind(socket, address, length) bind((SOCKET)(socket), address, length)
#define winsock_listen(socket, backlog) listen((SOCKET)(socket), backlog)
#define winsock_shutdown(socket, how) shutdown((SOCKET)(socket), how)
#define winsock_close(socket) closesocket((SOCKET)(socket))
#define winsock_recv(socket, bytes, length, flags) recv((SOCKET)(socket), (char *)(bytes), (int)(length), flags)
#define winsock_setsockopt(socket, level, option, value, length)                                          \
    setsockopt((SOCKET)(socket), level, option, (const void *)(value), length)
#define winsock_getsockopt(socket, level, option, value, length)                                          \
    getsockopt((SOCKET)(socket), level, option, (void *)(value), length)

static int winsock_getsockname(int socket, struct sockaddr *address, socklen_t *length)
{
    return getsockname((SOCKET)socket, address, length);
}

static int winsock_getpeername(int socket, struct sockaddr *address, socklen_t *length)
{
    return getpeername((SOCKET)socket, address, length);
}

static int winsock_socket(int family, int type, int protocol)
{
    return winsock_made(socket(family, type, protocol), false);
}

/* The connection has the properties of the socket that listens (accept function). */
static int winsock_accept(int socket, struct sockaddr *address, socklen_t *length)
{
    return winsock_made(accept((SOCKET)socket, address, length), *winsock_mode(socket));
}

static int winsock_dup(int socket)
{
    WSAPROTOCOL_INFOW information;
    if (WSADuplicateSocketW((SOCKET)socket, GetCurrentProcessId(), &information))
        return -1;
    SOCKET made = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &information, 0,
                             WSA_FLAG_OVERLAPPED);
    return winsock_made(made, *winsock_mode(socket));
}

static int winsock_connect(int socket, const struct sockaddr *address, socklen_t length)
{
    int result = connect((SOCKET)socket, address, length);
    if (result && WSAGetLastError() == WSAEWOULDBLOCK)
        WSASetLastError(WSAEWOULDBLOCK_CONNECT);
    return result;
}

/* With MSG_DONTWAIT the socket is non-blocking meanwhile. */
static long winsock_sendto(int socket, const void *bytes, size_t length, int flags,
                           const struct sockaddr *to, socklen_t to_length)
{
    bool is_brief = flags & MSG_DONTWAIT && !*winsock_mode(socket);
    if (is_brief && winsock_fcntl(socket, F_SETFL, O_NONBLOCK))
        return -1;
    long count = sendto((SOCKET)socket, bytes, (int)length, flags & ~MSG_DONTWAIT, to, to_length);
    int error = WSAGetLastError();
    if (is_brief)
        winsock_fcntl(socket, F_SETFL, 0);
    WSASetLastError(error);
    return count;
}

static long winsock_send(int socket, const void *bytes, size_t length, int flags)
{
    return winsock_sendto(socket, bytes, length, flags, NULL, 0);
}

/* A datagram that does not fit is cut, and the call fails with WSAEMSGSIZE (recvfrom function). */
static long winsock_recvmsg(int socket, struct msghdr *message, int flags)
{
    struct iovec *part = message->msg_iov;
    return recvfrom((SOCKET)socket, part->iov_base, (int)part->iov_len, flags, message->msg_name,
                    &message->msg_namelen);
}

static int winsock_ioctl(int socket, long request, int *value)
{
    u_long number = 0;
    int result = ioctlsocket((SOCKET)socket, request, &number);
    *value = (int)number;
    return result;
}

/* WSAPoll refuses to be asked for what it always tells, and for what it never does (WSAPoll function). */
static int winsock_poll(struct pollfd *polled, unsigned long count, int timeout)
{
    polled->events &= ~(POLLERR | POLLHUP | POLLNVAL | POLLPRI);
    return WSAPoll(polled, count, timeout);
}

/* The limit of select() has microseconds; it is rounded up, so that no wait ends early. */
static int winsock_pselect(int count, fd_set *in, fd_set *out, fd_set *other, const struct timespec *limit,
                           const void *mask)
{
    (void)mask;
    int64_t seconds = limit->tv_sec, micro = (limit->tv_nsec + 999) / 1000;
    seconds += micro / 1000000;
    struct timeval time = {seconds > LONG_MAX ? LONG_MAX : (long)seconds, (long)(micro % 1000000)};
    return select(count, in, out, other, &time);
}

/* ---- Beginning ----------------------------------------------------------------------------------- */

/* Makes the sockets usable, and standard input and output carry bytes as they are. */
static void winsock_start(void)
{
    WSADATA data;
    int error = WSAStartup(MAKEWORD(2, 2), &data);
    if (error) {
        fprintf(stderr, "winsock: WSAStartup: error %d\n", error);
        _exit(2);
    }
    _setmode(STDIN_FILENO, _O_BINARY);
    _setmode(STDOUT_FILENO, _O_BINARY);
}

static const char *winsock_version(void)
{
    static char text[64];
    const char *(*wine)(void) = wine_function("wine_get_version");
    snprintf(text, sizeof text, "Winsock 2.2, %s%s", wine ? "Wine " : "", wine ? wine() : "Windows");
    strcat(text, ", ");
    return text;
}

#endif
