/* A machine that reports ECONNREFUSED on a socket after it sent a broadcast, once: to the next send,
   to the next receive, or to whoever asks for SO_ERROR. */
#include "broadcast.h"

#define MOST 65536
static unsigned char refused[MOST];

static int takes_refusal(int descriptor)
{
    return descriptor >= 0 && descriptor < MOST
        && __atomic_exchange_n(&refused[descriptor], 0, __ATOMIC_RELAXED);
}

ssize_t sendto(int descriptor, const void *data, size_t length, int flags,
               const struct sockaddr *to, socklen_t size)
{
    if (takes_refusal(descriptor)) {
        errno = ECONNREFUSED;
        return -1;
    }
    ssize_t sent = real_sendto()(descriptor, data, length, flags, to, size);
    if (sent >= 0 && is_broadcast(to) && descriptor < MOST)
        __atomic_store_n(&refused[descriptor], 1, __ATOMIC_RELAXED);
    return sent;
}

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, struct msghdr *, int);
    if (!real)
        real = (ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
    if (takes_refusal(descriptor)) {
        errno = ECONNREFUSED;
        return -1;
    }
    return real(descriptor, message, flags);
}

ssize_t recv(int descriptor, void *buffer, size_t length, int flags)
{
    static ssize_t (*real)(int, void *, size_t, int);
    if (!real)
        real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    if (takes_refusal(descriptor)) {
        errno = ECONNREFUSED;
        return -1;
    }
    return real(descriptor, buffer, length, flags);
}

int getsockopt(int descriptor, int level, int name, void *value, socklen_t *length)
{
    static int (*real)(int, int, int, void *, socklen_t *);
    if (!real)
        real = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
    int result = real(descriptor, level, name, value, length);
    if (result == 0 && level == SOL_SOCKET && name == SO_ERROR && takes_refusal(descriptor))
        *(int *)value = ECONNREFUSED;
    return result;
}

int close(int descriptor)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    takes_refusal(descriptor);
    return real(descriptor);
}
