/* A machine that sends every broadcast twice. */
#include "broadcast.h"

ssize_t sendto(int descriptor, const void *data, size_t length, int flags,
               const struct sockaddr *to, socklen_t size)
{
    if (is_broadcast(to))
        real_sendto()(descriptor, data, length, flags, to, size);
    return real_sendto()(descriptor, data, length, flags, to, size);
}
