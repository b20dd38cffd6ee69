/*
 * native-c: the sockets of the C library as a subject of sockspec.
 *
 *     cc -O2 -Wall -Wextra -Werror -pthread -o agent agent.c
 *     musl-gcc -static -O2 -pthread -o agent agent.c        (for a sandbox, a container, another Linux)
 *     sockspec agent-check -- ./agent
 *
 *     agent [--name NAME] [--no-thread]
 *         --name NAME    what the subject is called, where this runs on something else than sockspec's
 *                        own kernel: gvisor, uml ...
 *         --no-thread    leave out the numbers of threads, which mean nothing outside that other kernel
 *
 * An agent reads requests from its standard input and writes answers to its standard output, one JSON
 * object a line; README.md in the folder above specifies them. This file is all of it, in C11 and POSIX,
 * and is meant to be copied. In reading order:
 *
 *     the platform      what is to be changed for another stack
 *     tools             the clock, the end of the program, texts that grow
 *     JSON              reading and writing as much of it as the protocol has
 *     bytes             generated streams, base64, digests
 *     words             the protocol's words, and the numbers that C has for them
 *     sockets, calls    what is known of a socket, and of a call
 *     answers           what came of a call
 *     verbs             one function for each: here is where the sockets are used
 *     requests          from a line to a call
 *     workers           threads for the calls that can block, and the watch that ends them
 *     the session       reset, hello, the main loop
 *
 * Calls that cannot block are performed by the main thread, the others by workers, of which a few are
 * kept. A blocked call is ended by a signal whose handler does nothing and was installed without
 * SA_RESTART, so that the call gives EINTR.
 */

/* ---- The platform -------------------------------------------------------------------------------- */

#define _GNU_SOURCE /* ppoll, POLLRDHUP and the options of Linux */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>
#ifndef _WIN32 /* where PLATFORM has what is needed of these */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#endif

#ifdef __linux__
#include <sys/syscall.h>
#endif

/* Every call on a socket under test is written NET(call), and its error read from NET_ERROR. All else (the
   clock, threads, standard input and output) is the host's. Another stack than the system's has a header
   of its own that says what its sockets are, `-DPLATFORM='"stack.h"'`; see ../lwip/stack.h and
   ../winsock/winsock.h. */
#ifdef PLATFORM
#include PLATFORM
#else
#define NET(call) call
#define NET_ERROR errno
#ifdef __linux__
#include <sys/epoll.h>
#define IS_LINUX 1
#else
#define IS_LINUX 0 /* what only Linux has is then not offered */
#define LACKS                                                                                             \
    {"more", ONLY_LINUX}, {"error-queue", ONLY_LINUX}, {"raise", ONLY_LINUX}, {"epoll", ONLY_LINUX},      \
        {"tcp-info", ONLY_LINUX}, {"unix", "the system has no abstract names"},                           \
        {"unix-dgram", "the system has no abstract names"},
#define ONLY_LINUX "only Linux has it"
#endif
#endif

/* What a platform can say, each unless it does. */
#ifndef NET_NUMBER
#define NET_NUMBER(error) error         /* the stack's own number of an error, and its text */
#define NET_TEXT(error) strerror(error) /* of the thread's last call */
#endif
#ifndef HAS_SIGNALS
#define HAS_SIGNALS 1 /* whether a signal breaks a call; else PLATFORM_CANCEL(socket) does */
#endif
#ifndef HAS_READ_WRITE
#define HAS_READ_WRITE 1 /* whether read(2) and write(2) take a socket */
#endif
#ifndef LIMIT_FORM
#define LIMIT_FORM TIMEVAL /* the form of SO_RCVTIMEO and SO_SNDTIMEO, */
#define LIMIT_ERROR EAGAIN /* and the error of a call that they end */
#endif
#ifndef PLATFORM_HELLO
#define PLATFORM_HELLO "" /* further members of hello */
#endif
#ifndef LACKS
#define LACKS /* lines of a word that is not offered, and the reason */
#endif
#ifndef PLATFORM_VERSION
#define PLATFORM_VERSION "" /* of the stack, before that of the system */
#endif
#ifndef PLATFORM_OPTION
#define PLATFORM_OPTION(argument) false /* whether it is an option of the platform */
#endif
#ifndef PLATFORM_START
#define PLATFORM_START() (void)0        /* behind the options, and before the first socket */
#endif
#ifndef PLATFORM_ADDRESS
#define PLATFORM_ADDRESS(in_addr) (void)0 /* an IPv4 address that a request names */
#endif
#ifndef PLATFORM_BREAK
#define PLATFORM_BREAK() (void)0 /* in the signal handler of a thread whose call is to end */
#endif
#ifndef CLOSES_PENDING
#define CLOSES_PENDING true /* whether a socket can be closed and shut while another thread waits on it */
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif
#ifndef MSG_ERRQUEUE
#define MSG_ERRQUEUE 0
#endif

#define BREAK SIGALRM     /* ends a call whose time is over: without SA_RESTART */
#define INTERRUPT SIGUSR2 /* the scenario's own: with it, as what comes of that is under test */

/* ---- Tools --------------------------------------------------------------------------------------- */

#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define NEVER UINT64_MAX
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Says why on standard error, in one line, and ends the program. */
__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "native-c: %s\n", text);
    _exit(2);
}

/* Nanoseconds of the monotonic clock. */
static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static struct timespec timespec_of(uint64_t nanoseconds)
{
    return (struct timespec){(time_t)(nanoseconds / SECOND), (long)(nanoseconds % SECOND)};
}

static uint64_t nanoseconds_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_usec * 1000;
}

/* A time in whole milliseconds, rounded up, so that no wait ends early. */
static int milliseconds_of(uint64_t nanoseconds)
{
    uint64_t whole = nanoseconds / MILLISECOND + (nanoseconds % MILLISECOND != 0);
    return whole > INT_MAX ? INT_MAX : (int)whole;
}

/* What is left of a time that began at some moment. */
static uint64_t left_of(uint64_t limit, uint64_t began)
{
    uint64_t passed = now() - began;
    return passed < limit ? limit - passed : 0;
}

static void *resized(void *memory, size_t size)
{
    memory = realloc(memory, size ? size : 1);
    if (!memory)
        die("no memory is left");
    return memory;
}

/* A text that grows. All zeros is an empty one. */
struct text {
    char *bytes;
    size_t length, room;
};

/* Makes room for more behind a text, and gives where that begins. */
static char *reserve(struct text *text, size_t more)
{
    if (text->room - text->length < more) {
        text->room = text->length + more + text->room / 2;
        text->bytes = resized(text->bytes, text->room);
    }
    return text->bytes + text->length;
}

static void put_bytes(struct text *text, const void *bytes, size_t length)
{
    if (length)
        memcpy(reserve(text, length), bytes, length);
    text->length += length;
}

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t length = (size_t)vsnprintf(NULL, 0, format, arguments);
    vsnprintf(reserve(text, length + 1), length + 1, format, again);
    text->length += length;
    va_end(again);
    va_end(arguments);
}

/* ---- JSON: reading ------------------------------------------------------------------------------- */

#define MOST_LINE ((size_t)16 << 20) /* bytes */
#define MOST_VALUES (1u << 20)       /* in a line */
#define MOST_LEVELS 16               /* of lists and objects within each other */

enum kind { NOTHING, TRUTH, NUMBER, TEXT, LIST, OBJECT };

/* A value. What a list or an object holds follows it at once, so that `span` leads to what is behind it;
   an object holds a key (a text) and a value in turn. */
struct value {
    enum kind kind;
    bool is_true;     /* of TRUTH */
    bool is_negative; /* of NUMBER, as are the next two */
    bool is_whole;    /* it has no fraction and no exponent, and fits */
    uint64_t number;  /* without its sign */
    const char *text; /* of TEXT: as it is meant, without quotes and escapes */
    size_t length;    /* of TEXT */
    unsigned span;    /* how many values it is, itself included */
};

/* The line that was read last. It ends with a line feed, which stands nowhere within. */
static unsigned long line_number;
static char *line, *at;       /* its beginning, and how far it is read */
static struct value *values;  /* what it holds, the outermost first */
static unsigned value_count, value_room;

static _Noreturn void misread(const char *expected)
{
    die("line %lu, column %lu: expected %s", line_number, (unsigned long)(at - line) + 1, expected);
}

static bool skip(const char *word)
{
    bool is_there = !strncmp(at, word, strlen(word));
    at += is_there ? strlen(word) : 0;
    return is_there;
}

static void skip_space(void)
{
    at += strspn(at, " \t\r");
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static void parse_digits(struct value *value)
{
    if (!is_digit(*at))
        misread("a digit");
    for (; is_digit(*at); at++) {
        unsigned digit = (unsigned)(*at - '0');
        value->is_whole = value->is_whole && value->number <= (UINT64_MAX - digit) / 10;
        value->number = value->number * 10 + digit;
    }
}

static void parse_number(struct value *value)
{
    *value = (struct value){.kind = NUMBER, .is_negative = skip("-"), .is_whole = true};
    if (!skip("0"))
        parse_digits(value);
    if (skip(".")) {
        value->is_whole = false;
        parse_digits(value);
    }
    if (skip("e") || skip("E")) {
        value->is_whole = false;
        if (!skip("+"))
            skip("-");
        parse_digits(value);
    }
}

/* How many bytes the first character has in UTF-8, 0 if that is none (RFC 3629). */
static size_t character_length(const char *text, size_t left)
{
    const unsigned char *is = (const unsigned char *)text;
    size_t length = is[0] < 0x80 ? 1 : is[0] < 0xe0 ? 2 : is[0] < 0xf0 ? 3 : 4;
    if ((is[0] >= 0x80 && is[0] < 0xc2) || is[0] > 0xf4)
        return 0;
    for (size_t index = 1; index < length; index++)
        if (index >= left || (is[index] & 0xc0) != 0x80)
            return 0;
    bool is_too_long = (is[0] == 0xe0 && is[1] < 0xa0) || (is[0] == 0xf0 && is[1] < 0x90);
    bool is_out_of_range = (is[0] == 0xed && is[1] > 0x9f) || (is[0] == 0xf4 && is[1] > 0x8f);
    return is_too_long || is_out_of_range ? 0 : length;
}

static unsigned parse_hexadecimal(void)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned unit = 0;
    for (int left = 4; left; left--, at++) {
        const char *digit = *at ? strchr(digits, *at) : NULL;
        if (!digit)
            misread("a hexadecimal digit");
        unit = unit * 16 + (unsigned)(digit - digits) % 16;
    }
    return unit;
}

/* Reads what stands behind `\u`, and writes it in UTF-8, which is never longer; gives where that ends. */
static char *parse_unicode(char *into)
{
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned point = parse_hexadecimal();
    if (point >= 0xd800 && point < 0xdc00 && skip("\\u")) {
        unsigned low = parse_hexadecimal() ^ 0xdc00;
        point = low < 0x400 ? 0x10000 + ((point - 0xd800) << 10) + low : point;
    }
    if (point >= 0xd800 && point < 0xe000)
        misread("a surrogate pair before this");
    unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    *into++ = (char)(first[more] | point >> 6 * more);
    while (more--)
        *into++ = (char)(0x80 | (point >> 6 * more & 0x3f));
    return into;
}

/* Reads a text; what its escapes stand for is written where they stand. */
static void parse_text(struct value *value)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char *into = at;
    *value = (struct value){.kind = TEXT, .text = into};
    while (!skip("\"")) {
        size_t length = character_length(at, SIZE_MAX); /* the line feed ends a broken one */
        const char *escape = *at == '\\' && at[1] ? strchr(escapes, at[1]) : NULL;
        if (skip("\\u")) {
            into = parse_unicode(into);
        } else if (escape) {
            *into++ = meanings[escape - escapes];
            at += 2;
        } else if (!length || *at == '\\' || (unsigned char)*at < 0x20) {
            misread("more of a text");
        } else {
            memmove(into, at, length);
            into += length;
            at += length;
        }
    }
    value->length = (size_t)(into - value->text);
}

static void parse_value(unsigned level)
{
    skip_space();
    if (value_count == MOST_VALUES || level > MOST_LEVELS)
        misread("fewer values");
    if (value_count == value_room) {
        value_room = value_room * 2 + 64;
        values = resized(values, value_room * sizeof *values);
    }
    unsigned index = value_count++;
    struct value *value = &values[index];
    *value = (struct value){.kind = NOTHING};
    if (*at == '{' || *at == '[') {
        const char *end = *at == '{' ? "}" : "]";
        enum kind kind = value->kind = *at++ == '{' ? OBJECT : LIST;
        skip_space();
        for (bool is_first = true; !skip(end); is_first = false) {
            if (!is_first && !skip(","))
                misread("a comma, or the end of a list or an object");
            if (kind == OBJECT) {
                unsigned key = value_count;
                parse_value(level + 1);
                if (values[key].kind != TEXT || !skip(":"))
                    misread("a key and a colon before this");
            }
            parse_value(level + 1);
        }
    } else if (skip("\"")) {
        parse_text(value);
    } else if (*at == '-' || is_digit(*at)) {
        parse_number(value);
    } else if ((value->is_true = skip("true")) || skip("false")) {
        value->kind = TRUTH;
    } else if (!skip("null")) {
        misread("a value");
    }
    skip_space();
    values[index].span = value_count - index; /* where it is now: the room for it may have moved */
}

/* Reads a line that holds one object. The texts stay in the line. */
static const struct value *parse(char *from)
{
    line = at = from;
    value_count = 0;
    parse_value(1);
    if (*at != '\n' || values->kind != OBJECT)
        misread("one object");
    return values;
}

static bool is_text(const struct value *value, const char *word)
{
    return value->kind == TEXT && value->length == strlen(word) && !memcmp(value->text, word, value->length);
}

/* The member of an object with a key; NULL where there is none, or it is null. */
static const struct value *find(const struct value *object, const char *key)
{
    const struct value *end = object + object->span;
    for (const struct value *member = object + 1; member < end; member += 1 + member[1].span)
        if (is_text(member, key))
            return member[1].kind == NOTHING ? NULL : member + 1;
    return NULL;
}

/* A member that has to be there, and of a kind. */
static const struct value *need(const struct value *object, const char *key, enum kind kind)
{
    static const char *const names[] = {"missing", "true or false", "a number", "a text", "a list",
                                        "an object"};
    const struct value *value = find(object, key);
    enum kind found = value ? value->kind : NOTHING;
    if (found != kind)
        die("line %lu: `%s` is %s, not %s", line_number, key, names[found], names[kind]);
    return value;
}

static uint64_t need_unsigned(const struct value *object, const char *key, uint64_t most)
{
    const struct value *value = need(object, key, NUMBER);
    if (!value->is_whole || (value->is_negative && value->number) || value->number > most)
        die("line %lu: `%s` is not a whole number from 0 to %" PRIu64, line_number, key, most);
    return value->number;
}

static uint64_t unsigned_or(const struct value *object, const char *key, uint64_t most, uint64_t otherwise)
{
    return find(object, key) ? need_unsigned(object, key, most) : otherwise;
}

/* A number as an int has it; one that does not fit is the nearest that does. */
static int need_int(const struct value *object, const char *key)
{
    const struct value *value = need(object, key, NUMBER);
    if (!value->is_whole)
        die("line %lu: `%s` is not a whole number", line_number, key);
    int most = value->is_negative ? INT_MIN : INT_MAX;
    return value->number > INT_MAX ? most : value->is_negative ? -(int)value->number : (int)value->number;
}

/* ---- JSON: writing ------------------------------------------------------------------------------- */

/* Writes what stands between the quotes of a text. */
static void put_escaped(struct text *text, const char *bytes, size_t length)
{
    for (size_t width; length; bytes += width, length -= width) {
        bool is_special = (unsigned char)*bytes < 0x20 || *bytes == '"' || *bytes == '\\';
        width = character_length(bytes, length);
        if (width && !is_special)
            put_bytes(text, bytes, width);
        else
            put(text, "\\u%04x", width ? (unsigned)*bytes : 0xfffd);
        width = width ? width : 1;
    }
}

/* Ends a line, writes it whole and with no buffer in between, and lets the text go. */
static void say(struct text *text)
{
    static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
    put_bytes(text, "\n", 1);
    pthread_mutex_lock(&output);
    for (size_t done = 0; done < text->length;) {
        ssize_t count = write(STDOUT_FILENO, text->bytes + done, text->length - done);
        if (count >= 0)
            done += (size_t)count;
        else if (errno == EAGAIN) /* whoever made the pipe made it so */
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            die("standard output: %s", strerror(errno));
    }
    pthread_mutex_unlock(&output);
    free(text->bytes);
    *text = (struct text){0};
}

/* ---- Bytes --------------------------------------------------------------------------------------- */

#define CHUNK ((size_t)64 << 10)       /* how much a fill or a drain moves at once */
#define MOST_BYTES (UINT64_C(1) << 30) /* of a payload, of a buffer, and that a drain takes */

/* Number `block` of the SplitMix64 sequence of a seed (Steele, Lea and Flood, 2014). */
static uint64_t split_mix(uint64_t seed, uint64_t block)
{
    uint64_t z = seed + (block + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Writes the stream of a seed from byte `offset` on. */
static void generate(uint64_t seed, uint64_t offset, unsigned char *into, size_t length)
{
    uint64_t block = split_mix(seed, offset / 8);
    for (size_t index = 0; index < length; index++, offset++) {
        if (offset % 8 == 0)
            block = split_mix(seed, offset / 8);
        into[index] = (unsigned char)(block >> (offset % 8 * 8));
    }
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes base64 with padding, in quotes (RFC 4648 section 4). */
static void put_base64(struct text *text, const unsigned char *bytes, size_t length)
{
    char *start = reserve(text, length / 3 * 4 + 6), *to = start;
    *to++ = '"';
    for (; length; bytes += 3, length -= length < 3 ? length : 3) {
        uint32_t group = (uint32_t)bytes[0] << 16;
        group |= (length > 1 ? (uint32_t)bytes[1] << 8 : 0) | (length > 2 ? bytes[2] : 0);
        *to++ = base64_digits[group >> 18];
        *to++ = base64_digits[group >> 12 & 63];
        *to++ = length > 1 ? base64_digits[group >> 6 & 63] : '=';
        *to++ = length > 2 ? base64_digits[group & 63] : '=';
    }
    *to++ = '"';
    text->length += (size_t)(to - start);
}

/* Reads base64 with padding into room for three bytes for each four; gives how many there are. */
static size_t base64_of(const struct value *value, unsigned char *into)
{
    size_t length = value->length, count = 0;
    bool is_good = length % 4 == 0;
    for (int padding = 0; is_good && length && value->text[length - 1] == '=' && padding < 2; padding++)
        length--;
    uint32_t group = 0;
    for (size_t index = 0; is_good && index < length; index++) {
        const char *digit = value->text[index] ? strchr(base64_digits, value->text[index]) : NULL;
        is_good = digit != NULL;
        group = group << 6 | (uint32_t)(digit ? digit - base64_digits : 0);
        if (index % 4)
            into[count++] = (unsigned char)(group >> (6 - index % 4 * 2));
    }
    /* The bits behind the last byte are zeros. */
    if (!is_good || (length % 4 == 2 && group & 15) || (length % 4 == 3 && group & 3))
        die("line %lu: `bytes` is not base64", line_number);
    return count;
}

#define HEAD 4096                  /* bytes that are kept as they are */
#define BLOCK (UINT64_C(16) << 10) /* bytes that one hash stands for */

/* Bytes that were received, however many: the first of them, and FNV-1a with 64 bits of each block. */
struct digest {
    uint64_t length;
    unsigned char head[HEAD];
    uint64_t *hashes;
    size_t room;
};

static void digest_bytes(struct digest *digest, const unsigned char *bytes, size_t length)
{
    if (digest->length < HEAD) {
        size_t fits = HEAD - (size_t)digest->length;
        memcpy(digest->head + digest->length, bytes, length < fits ? length : fits);
    }
    for (size_t part; length; bytes += part, length -= part) {
        size_t block = (size_t)(digest->length / BLOCK), filled = (size_t)(digest->length % BLOCK);
        if (block == digest->room) {
            digest->room = digest->room * 2 + 16;
            digest->hashes = resized(digest->hashes, digest->room * sizeof *digest->hashes);
        }
        uint64_t hash = filled ? digest->hashes[block] : UINT64_C(0xcbf29ce484222325);
        part = BLOCK - filled < length ? (size_t)BLOCK - filled : length;
        for (size_t index = 0; index < part; index++)
            hash = (hash ^ bytes[index]) * UINT64_C(0x100000001b3);
        digest->hashes[block] = hash;
        digest->length += part;
    }
}

/* ---- Words --------------------------------------------------------------------------------------- */

/* Each table is one of lines that begin with a word. */
#define LOOK_UP(table, value) look_up(table, COUNT(table), sizeof(table)[0], value)

/* The line of a table with a word; NULL where there is none. */
static const void *look_up(const void *table, size_t count, size_t size, const struct value *value)
{
    for (const char *entry = table; count; count--, entry += size)
        if (is_text(value, *(const char *const *)entry))
            return entry;
    return NULL;
}

static const struct transport {
    const char *word;
    int family, type;
} transports[] = {
    {"tcp4", AF_INET, SOCK_STREAM}, {"tcp6", AF_INET6, SOCK_STREAM}, {"unix", AF_UNIX, SOCK_STREAM},
    {"udp4", AF_INET, SOCK_DGRAM},  {"udp6", AF_INET6, SOCK_DGRAM},  {"unix-dgram", AF_UNIX, SOCK_DGRAM},
};

static const struct word {
    const char *word;
    int number;
} flags[] = {
    {"MSG_DONTWAIT", MSG_DONTWAIT}, {"MSG_PEEK", MSG_PEEK},
    {"MSG_WAITALL", MSG_WAITALL},   {"MSG_TRUNC", MSG_TRUNC},
#if IS_LINUX || defined HAS_MSG_MORE
    {"MSG_MORE", MSG_MORE},
#endif
#if IS_LINUX
    {"MSG_ERRQUEUE", MSG_ERRQUEUE},
#endif
    {"raise", 0}, /* the absence of MSG_NOSIGNAL */
}, halves[] = {
    {"read", SHUT_RD}, {"write", SHUT_WR}, {"both", SHUT_RDWR},
}, readinesses[] = { /* epoll's numbers are poll's */
    {"in", POLLIN},    {"pri", POLLPRI},   {"out", POLLOUT},
#ifdef POLLRDHUP
    {"rdhup", POLLRDHUP},
#else
    {"rdhup", 0}, /* which is asked for in vain */
#endif
    {"hup", POLLHUP},  {"err", POLLERR},   {"nval", POLLNVAL},
}, errors[] = { /* those that the protocol has names for */
#define ERROR(name) {#name, name}
    ERROR(EACCES),       ERROR(EADDRINUSE),   ERROR(EADDRNOTAVAIL), ERROR(EAFNOSUPPORT), ERROR(EAGAIN),
    ERROR(EALREADY),     ERROR(EBADF),        ERROR(ECONNABORTED),  ERROR(ECONNREFUSED), ERROR(ECONNRESET),
    ERROR(EDESTADDRREQ), ERROR(EFAULT),       ERROR(EHOSTUNREACH),  ERROR(EINPROGRESS),  ERROR(EINTR),
    ERROR(EINVAL),       ERROR(EIO),          ERROR(EISCONN),       ERROR(EMFILE),       ERROR(EMSGSIZE),
    ERROR(ENETDOWN),     ERROR(ENETRESET),    ERROR(ENETUNREACH),   ERROR(ENFILE),       ERROR(ENOBUFS),
    ERROR(ENODEV),       ERROR(ENOENT),       ERROR(ENOMEM),        ERROR(ENOPROTOOPT),  ERROR(ENOSYS),
    ERROR(ENOTCONN),     ERROR(ENOTSOCK),     ERROR(EOPNOTSUPP),    ERROR(EPERM),        ERROR(EPIPE),
    ERROR(EPROTO),       ERROR(EPROTOTYPE),   ERROR(ETIMEDOUT),     ERROR(EPROTONOSUPPORT),
#ifdef EHOSTDOWN
    ERROR(EHOSTDOWN),
#endif
#ifdef ESHUTDOWN
    ERROR(ESHUTDOWN),
#endif
};

static const char *error_name(int number)
{
    for (size_t index = 0; index < COUNT(errors); index++)
        if (errors[index].number == number)
            return errors[index].word;
    return NULL;
}

/* The states of TCP_INFO (Linux's tcp_states.h). */
static const char *const states[] = {
    "CLOSE",     "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
    "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
};

/* In which form C has the value of an option, and of which kind that is in the protocol. */
enum form {
    INTEGER,      /* int; number */
    COUNTED,      /* int, by ioctl(2); number */
    TIMEVAL,      /* struct timeval; time */
    SECONDS,      /* int; time */
    MILLISECONDS, /* int; time */
    LINGER,       /* struct linger; linger */
    DEVICE,       /* a name, which is only set; device */
    PENDING,      /* int, which is only read; error */
    STATE,        /* the first byte of struct tcp_info; state */
};

static const struct option {
    const char *name;
    enum form form;
    int level, number;
} options[] = {
    {"SO_ACCEPTCONN", INTEGER, SOL_SOCKET, SO_ACCEPTCONN},
    {"SO_BROADCAST", INTEGER, SOL_SOCKET, SO_BROADCAST},
    {"SO_DONTROUTE", INTEGER, SOL_SOCKET, SO_DONTROUTE},
    {"SO_ERROR", PENDING, SOL_SOCKET, SO_ERROR},
    {"SO_KEEPALIVE", INTEGER, SOL_SOCKET, SO_KEEPALIVE},
    {"SO_LINGER", LINGER, SOL_SOCKET, SO_LINGER},
    {"SO_OOBINLINE", INTEGER, SOL_SOCKET, SO_OOBINLINE},
    {"SO_RCVBUF", INTEGER, SOL_SOCKET, SO_RCVBUF},
    {"SO_RCVLOWAT", INTEGER, SOL_SOCKET, SO_RCVLOWAT},
    {"SO_RCVTIMEO", LIMIT_FORM, SOL_SOCKET, SO_RCVTIMEO},
    {"SO_REUSEADDR", INTEGER, SOL_SOCKET, SO_REUSEADDR},
    {"SO_SNDBUF", INTEGER, SOL_SOCKET, SO_SNDBUF},
    {"SO_SNDTIMEO", LIMIT_FORM, SOL_SOCKET, SO_SNDTIMEO},
    {"TCP_NODELAY", INTEGER, IPPROTO_TCP, TCP_NODELAY},
    {"FIONREAD", COUNTED, 0, 0},
    {"IP_TTL", INTEGER, IPPROTO_IP, IP_TTL},
    {"IPV6_V6ONLY", INTEGER, IPPROTO_IPV6, IPV6_V6ONLY},
#ifdef __linux__
    {"SO_BINDTODEVICE", DEVICE, SOL_SOCKET, SO_BINDTODEVICE},
    {"SO_REUSEPORT", INTEGER, SOL_SOCKET, SO_REUSEPORT},
    {"TCP_CORK", INTEGER, IPPROTO_TCP, TCP_CORK},
    {"TCP_INFO", STATE, IPPROTO_TCP, TCP_INFO},
    {"TCP_KEEPCNT", INTEGER, IPPROTO_TCP, TCP_KEEPCNT},
    {"TCP_KEEPIDLE", SECONDS, IPPROTO_TCP, TCP_KEEPIDLE},
    {"TCP_KEEPINTVL", SECONDS, IPPROTO_TCP, TCP_KEEPINTVL},
    {"TCP_LINGER2", SECONDS, IPPROTO_TCP, TCP_LINGER2},
    {"TCP_MAXSEG", INTEGER, IPPROTO_TCP, TCP_MAXSEG},
    {"TCP_QUICKACK", INTEGER, IPPROTO_TCP, TCP_QUICKACK},
    {"TCP_SYNCNT", INTEGER, IPPROTO_TCP, TCP_SYNCNT},
    {"TCP_USER_TIMEOUT", MILLISECONDS, IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"IP_RECVERR", INTEGER, IPPROTO_IP, IP_RECVERR},
    {"IPV6_RECVERR", INTEGER, IPPROTO_IPV6, IPV6_RECVERR},
#endif
};

/* ---- Sockets and calls --------------------------------------------------------------------------- */

#define MOST_SOCKETS 4096
#define NO_DESCRIPTOR INT_MAX /* of a socket that is closed or was never made: none, as a call then finds */

/* Protects what more than one thread looks at: the sockets, the workers and what ends their calls. */
static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

/* What is known of a socket, by the number that sockspec gave it. */
static struct known {
    bool is_open;
    int fd;
    const struct transport *transport;
    bool was_connected; /* a connect on it was tried */
    bool has_epoll;     /* it was asked by epoll, */
    int epoll;          /* with this instance, */
    bool is_registered; /* where it is registered */
    short interest;     /* for this */
} sockets[MOST_SOCKETS];

/* Whether a close may wait, as a socket was told to linger. Only the main thread looks at it. */
static bool lingers;

/* A call, from its request to its answer. */
struct call {
    uint64_t id;
    const struct verb *verb;

    /* What it acts on: */
    int number, as; /* as sockspec counts sockets */
    int fd;
    int own; /* a descriptor that only this call has, or -1 */
    const struct transport *transport;
    bool was_connected;

    /* what it acts with, as far as its verb has that: */
    struct sockaddr_storage address;
    socklen_t address_length; /* 0 without one */
    unsigned char *bytes;     /* what is sent, or room for what is received */
    size_t length;
    size_t *ends; /* of the pieces within that, for sendall */
    size_t piece_count;
    uint64_t seed; /* of fill */
    int flags;
    bool raises, wants_sender;
    int argument; /* of listen, shutdown and nonblocking */
    const struct option *option;
    const struct value *value; /* of setopt, which is performed while the line is there */
    uint64_t passed;           /* how many bytes of it, or NEVER for all */
    const struct poller *poller;
    short interest; /* of poll's numbers, also for epoll and select */
    bool has_timeout;
    uint64_t timeout;
    int epoll;
    uint64_t target; /* the call that is interrupted */

    /* what ends it: */
    enum { GIVEN, RUNNING, RETURNED } phase;
    uint64_t limit, deadline;
    bool is_silent;             /* a reset has ended it, and nobody waits for its answer, */
    bool is_abandoned;          /* nor for its end */
    atomic_bool is_stopped;     /* its time is over, or it was cancelled */
    atomic_bool is_interrupted; /* the scenario has sent it a signal */
    atomic_bool is_orphaned;    /* its descriptor was closed meanwhile */

    /* and what came of it. */
    uint64_t began, ended;
    long result; /* of C's call */
    int error;   /* of C's, where the result is less than 0 */
    bool was_raised; /* SIGPIPE */
    int made;        /* a descriptor, or -1 */
    struct text answer;
};

static void free_call(struct call *call)
{
    free(call->bytes);
    free(call->ends);
    free(call->answer.bytes);
    free(call);
}

static void begin(struct call *call)
{
    call->began = now();
}

static void end(struct call *call)
{
    call->error = NET_ERROR;
    call->ended = now();
}

/* Whether a call has failed by an interruption that nobody asked for, and is to be made again: a debugger
   interrupts calls, and so does a process that is stopped and goes on (signal(7)). */
static bool is_disturbed(const struct call *call)
{
    return NET_ERROR == EINTR && !call->is_stopped && !call->is_interrupted && !call->is_orphaned;
}

/* Makes a call of C until it is not disturbed. */
#define PERSIST(call, expression)                              \
    do                                                         \
        (call)->result = (expression);                         \
    while ((call)->result < 0 && is_disturbed(call))

/* The same between two looks at the clock. */
#define TIMED(call, expression)     \
    do {                            \
        begin(call);                \
        PERSIST(call, expression);  \
        end(call);                  \
    } while (0)

/* ---- Answers ------------------------------------------------------------------------------------- */

static void answer_unsupported(struct call *call, const char *why, const struct value *word)
{
    call->answer.length = 0;
    put(&call->answer, "\"unsupported\":{\"why\":\"%s", why);
    put_escaped(&call->answer, word->text, word->kind == TEXT ? word->length : 0);
    put(&call->answer, "\"}");
}

static void answer_blocked(struct call *call)
{
    put(&call->answer, "\"err\":{\"class\":\"blocked\",\"text\":\"ended while it waited\"}");
}

static void answer_error(struct call *call, const char *class, int error)
{
    const char *text = NET_TEXT(error), *signal = call->was_raised ? ",\"signal\":\"SIGPIPE\"" : "";
    put(&call->answer, "\"err\":{\"class\":\"%s\",\"raw\":%d,\"text\":\"", class, NET_NUMBER(error));
    put_escaped(&call->answer, text, strlen(text));
    put(&call->answer, "\"%s}", signal);
}

static void refuse(struct call *call, int error)
{
    const char *name = error_name(error);
    answer_error(call, name ? name : "other", error);
}

static bool is_blocking(int fd)
{
    int status = NET(fcntl)(fd, F_GETFL, 0);
    return status >= 0 && !(status & O_NONBLOCK);
}

/* Whether a socket has a limit: SO_RCVTIMEO or SO_SNDTIMEO. */
static bool has_limit(int fd, int option)
{
    struct timeval time = {0, 0};
    socklen_t length = sizeof time;
    return !NET(getsockopt)(fd, SOL_SOCKET, option, &time, &length) && (time.tv_sec || time.tv_usec);
}

/* What the end of a call without a result means. LIMIT_ERROR of one that waits is the work of a limit of the
   socket, where that is set: `limit` is its option, or 0 for a call that does not wait. */
static void fail(struct call *call, int limit)
{
    if (call->error == EINTR && call->is_stopped)
        answer_blocked(call);
    else if (call->error == EINTR && call->is_orphaned)
        refuse(call, HAS_SIGNALS ? EBADF : EINTR); /* the number may be another socket's by now */
    else if (call->error == LIMIT_ERROR && limit && is_blocking(call->fd) && has_limit(call->fd, limit))
        answer_error(call, "timeout", LIMIT_ERROR);
    else
        refuse(call, call->error);
}

/* What a call came to that has nothing more to say where it succeeds. */
static void answer(struct call *call, int limit)
{
    if (call->result < 0)
        fail(call, limit);
    else
        put(&call->answer, "\"ok\":\"nothing\"");
}

static void answer_count(struct call *call, uint64_t count)
{
    put(&call->answer, "\"ok\":{\"count\":%" PRIu64 "}", count);
}

static void put_endpoint(struct text *text, const struct sockaddr_storage *address, socklen_t length)
{
    const struct sockaddr_in *four = (const void *)address;
    const struct sockaddr_in6 *six = (const void *)address;
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    const size_t before = offsetof(struct sockaddr_un, sun_path);
    char host[INET6_ADDRSTRLEN];
    if (address->ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        put(text, "{\"inet\":\"%s:%d\"}", host, ntohs(four->sin_port));
    } else if (address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        put(text, "{\"inet\":\"[%s", host);
        if (six->sin6_scope_id)
            put(text, "%%%" PRIu32, (uint32_t)six->sin6_scope_id);
        put(text, "]:%d\"}", ntohs(six->sin6_port));
    } else if (length > before && !path[0]) {
        put(text, "{\"local\":\"");
        put_escaped(text, path + 1, length - before - 1);
        put(text, "\"}");
    } else {
        put(text, "\"unnamed\"");
    }
}

/* ---- Verbs --------------------------------------------------------------------------------------- */

static void do_open(struct call *call)
{
    TIMED(call, NET(socket)(call->transport->family, call->transport->type, 0));
    call->made = (int)call->result;
    answer(call, 0);
}

static void do_bind(struct call *call)
{
    if (call->address_length) /* without one it has failed, as it began */
        TIMED(call, NET(bind)(call->fd, (struct sockaddr *)&call->address, call->address_length));
    answer(call, 0);
}

static void do_listen(struct call *call)
{
    TIMED(call, NET(listen)(call->fd, call->argument));
    answer(call, 0);
}

static void do_connect(struct call *call)
{
    bool was_disturbed = false, is_again = call->address_length != 0;
    begin(call);
    while (is_again) {
        call->result = NET(connect)(call->fd, (struct sockaddr *)&call->address, call->address_length);
        is_again = call->result < 0 && is_disturbed(call);
        was_disturbed |= is_again;
        call->error = NET_ERROR;
    }
    call->ended = now();
    /* Its time is over, and it is itself what has begun already. */
    if (call->error == EALREADY && was_disturbed && !call->was_connected)
        call->error = EINPROGRESS;
    answer(call, SO_SNDTIMEO);
}

static void do_accept(struct call *call)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    TIMED(call, NET(accept)(call->fd, (struct sockaddr *)&peer, &length));
    call->made = (int)call->result;
    answer(call, SO_RCVTIMEO);
}

/* Takes the SIGPIPE that the calling thread was sent, if it was: it is blocked in each, and so waits. */
static bool take_sigpipe(void)
{
#ifdef __linux__
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    return sigtimedwait(&only, NULL, &(struct timespec){0, 0}) > 0;
#else
    return false;
#endif
}

static void answer_sent(struct call *call)
{
    if (call->result < 0)
        fail(call, call->flags & MSG_DONTWAIT ? 0 : SO_SNDTIMEO);
    else if ((size_t)call->result < call->length && call->is_stopped)
        answer_blocked(call); /* broken in its midst, it tells what it has done so far */
    else
        answer_count(call, (uint64_t)call->result);
}

static void do_send(struct call *call)
{
    const struct sockaddr *to = call->address_length ? (struct sockaddr *)&call->address : NULL;
    TIMED(call, NET(sendto)(call->fd, call->bytes, call->length, call->flags, to, call->address_length));
    call->was_raised = call->raises && take_sigpipe();
    answer_sent(call);
}

static void do_sendall(struct call *call)
{
    size_t sent = 0;
    begin(call);
    call->result = 0;
    for (size_t piece = 0; piece < call->piece_count; piece++) {
        while (sent < call->ends[piece] && call->result >= 0 && !call->is_stopped) {
            PERSIST(call, NET(send)(call->fd, call->bytes + sent, call->ends[piece] - sent, call->flags));
            sent += call->result > 0 ? (size_t)call->result : 0;
        }
    }
    end(call);
    call->was_raised = call->raises && take_sigpipe();
    if (call->result >= 0 && sent < call->length)
        answer_blocked(call);
    else
        answer(call, call->flags & MSG_DONTWAIT ? 0 : SO_SNDTIMEO);
}

#if HAS_READ_WRITE
static void do_write(struct call *call)
{
    TIMED(call, NET(write)(call->fd, call->bytes, call->length));
    call->was_raised = take_sigpipe();
    answer_sent(call);
}
#endif

/* Begins the answer with a digest; two braces end it. */
static void answer_digest(struct call *call, const struct digest *digest)
{
    put(&call->answer, "\"ok\":{\"received\":{\"length\":%" PRIu64 ",\"head\":", digest->length);
    put_base64(&call->answer, digest->head, digest->length < HEAD ? (size_t)digest->length : HEAD);
    for (uint64_t from = 0; from < digest->length && digest->length > HEAD; from += BLOCK)
        put(&call->answer, "%s\"%016" PRIx64 "\"", from ? "," : ",\"blocks\":[",
            digest->hashes[from / BLOCK]);
    put(&call->answer, digest->length > HEAD ? "]" : "");
}

/* What was received; `message` is what recvmsg(2) tells beside, where that was called. */
static void answer_data(struct call *call, const struct msghdr *message, bool has_sender)
{
    size_t count = (size_t)call->result;
    if (count > MOST_LINE / 2) { /* for which a line has no room */
        struct digest digest = {0};
        digest_bytes(&digest, call->bytes, count);
        answer_digest(call, &digest);
        free(digest.hashes);
    } else {
        put(&call->answer, "\"ok\":{\"data\":{\"bytes\":");
        put_base64(&call->answer, call->bytes, count);
    }
    if (has_sender && call->wants_sender) {
        put(&call->answer, ",\"from\":");
        put_endpoint(&call->answer, message->msg_name, message->msg_namelen);
    }
    bool is_cut = message && message->msg_flags & MSG_TRUNC;
    put(&call->answer, ",\"truncated\":%s}}", is_cut ? "true" : "false");
}

static void answer_received(struct call *call, const struct msghdr *message, bool has_sender)
{
    size_t count = (size_t)call->result;
    if (call->result < 0) /* the queue of errors is never waited for */
        fail(call, call->flags & (MSG_DONTWAIT | MSG_ERRQUEUE) ? 0 : SO_RCVTIMEO);
    else if (count < call->length && call->flags & MSG_WAITALL && call->is_stopped)
        answer_blocked(call);
    else if (call->flags & MSG_TRUNC)
        answer_count(call, count);
    else if (!count && call->length && !has_sender) /* an empty datagram has one, the end has none */
        put(&call->answer, "\"ok\":\"end-of-stream\"");
    else
        answer_data(call, message, has_sender);
}

static void do_recv(struct call *call)
{
    struct sockaddr_storage from = {0};
    struct iovec part = {call->bytes, call->length};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (call->transport->type == SOCK_DGRAM) { /* recvmsg(2) alone tells whether a datagram was cut */
        TIMED(call, NET(recvmsg)(call->fd, &message, call->flags));
        size_t nameless = from.ss_family == AF_UNIX ? offsetof(struct sockaddr_un, sun_path) : 0;
        answer_received(call, &message, message.msg_namelen > nameless);
    } else {
        TIMED(call, NET(recv)(call->fd, call->bytes, call->length, call->flags));
        answer_received(call, NULL, false);
    }
}

#if HAS_READ_WRITE
static void do_read(struct call *call)
{
    TIMED(call, NET(read)(call->fd, call->bytes, call->length));
    answer_received(call, NULL, false);
}
#endif

static void do_shutdown(struct call *call)
{
    TIMED(call, NET(shutdown)(call->fd, call->argument));
    answer(call, 0);
}

static void do_close(struct call *call)
{
    begin(call);
    call->result = NET(close)(call->fd);
    end(call);
    /* A close that lingers and is broken succeeds: Linux has released the descriptor. */
    if ((!call->result || call->error == EINTR) && call->is_stopped)
        answer_blocked(call);
    else
        answer(call, 0);
}

static void do_dup(struct call *call)
{
    TIMED(call, NET(dup)(call->fd));
    call->made = (int)call->result;
    answer(call, 0);
}

/* The value of an option in each of its forms. */
union setting {
    int number;
    struct timeval time;
    struct linger linger;
    char name[64];
};

/* Puts the value of a request into the form in which it is passed; gives its length, 0 for what cannot be
   set. */
static socklen_t setting_of(const struct call *call, union setting *setting)
{
    enum form form = call->option->form;
    bool is_number = find(call->value, "number"), is_time = find(call->value, "time");
    uint64_t time = unsigned_or(call->value, is_time ? "time" : "linger", NEVER, 0);
    uint64_t seconds = time / SECOND;
    int whole = form == MILLISECONDS ? milliseconds_of(time) : seconds > INT_MAX ? INT_MAX : (int)seconds;
    if (form == DEVICE && !is_number) {
        const struct value *name = need(call->value, "device", TEXT);
        size_t length = name->length < sizeof setting->name ? name->length : sizeof setting->name;
        memcpy(setting->name, name->text, length);
        return (socklen_t)length;
    }
    if (form == TIMEVAL && is_time) {
        setting->time.tv_sec = (time_t)(time / SECOND);
        setting->time.tv_usec = (suseconds_t)(time % SECOND / 1000);
        return sizeof setting->time;
    }
    if (form == LINGER && !is_number) {
        setting->linger = (struct linger){.l_onoff = find(call->value, "linger") != NULL, .l_linger = whole};
        return sizeof setting->linger;
    }
    setting->number = is_number ? need_int(call->value, "number") : whole;
    return is_number || is_time ? sizeof setting->number : 0;
}

static void do_setopt(struct call *call)
{
    union setting setting = {0};
    socklen_t length = setting_of(call, &setting);
    if (call->passed != NEVER) { /* of a number its own first bytes, of anything else zeros */
        length = call->passed < sizeof(int) ? (socklen_t)call->passed : sizeof(int);
        setting.number = find(call->value, "number") ? setting.number : 0;
    }
    call->error = ENOPROTOOPT;
    if (length || call->passed != NEVER)
        TIMED(call, NET(setsockopt)(call->fd, call->option->level, call->option->number, &setting, length));
    answer(call, 0);
}

/* Writes the value of an option as a member of an object. */
static void put_setting(struct text *text, enum form form, const union setting *setting)
{
    uint64_t whole = setting->number > 0 ? (uint64_t)setting->number : 0;
    size_t first = (unsigned char)setting->name[0];
    const char *name = error_name(setting->number);
    if (form == INTEGER || form == COUNTED)
        put(text, "\"number\":%d", setting->number);
    else if (form == SECONDS || form == MILLISECONDS)
        put(text, "\"time\":%" PRIu64, whole * (form == SECONDS ? SECOND : MILLISECOND));
    else if (form == TIMEVAL)
        put(text, "\"time\":%" PRIu64, nanoseconds_of(setting->time));
    else if (form == LINGER && setting->linger.l_onoff)
        put(text, "\"linger\":%" PRIu64, (uint64_t)setting->linger.l_linger * SECOND);
    else if (form == LINGER)
        put(text, "\"linger\":null");
    else if (form == STATE)
        put(text, "\"state\":\"%s\"", states[first < COUNT(states) ? first : 0]);
    else if (!setting->number)
        put(text, "\"error\":null");
    else if (name)
        put(text, "\"error\":\"%s\"", name);
    else
        put(text, "\"error\":%d", setting->number);
}

static void do_getopt(struct call *call)
{
    union setting setting = {0};
    const struct option *option = call->option;
    socklen_t length = option->form == TIMEVAL  ? sizeof setting.time
                       : option->form == LINGER ? sizeof setting.linger
                       : option->form == STATE  ? 1
                                                : sizeof setting.number;
    call->error = ENOPROTOOPT;
    if (option->form == COUNTED)
        TIMED(call, NET(ioctl)(call->fd, FIONREAD, &setting.number));
    else if (option->form != DEVICE)
        TIMED(call, NET(getsockopt)(call->fd, option->level, option->number, &setting, &length));
    if (call->result < 0) {
        fail(call, 0);
    } else {
        put(&call->answer, "\"ok\":{\"value\":{");
        put_setting(&call->answer, option->form, &setting);
        put(&call->answer, "}}");
    }
}

/* poll(2) of one socket, or where the limit is no whole number of milliseconds, ppoll(2). */
static int poll_one(int fd, short events, uint64_t limit, short *found)
{
    struct pollfd polled = {.fd = fd, .events = events};
    int result;
#if IS_LINUX
    struct timespec time = timespec_of(limit);
    if (limit % MILLISECOND || limit / MILLISECOND > INT_MAX)
        result = NET(ppoll)(&polled, 1, &time, NULL);
    else
#endif
        result = NET(poll)(&polled, 1, milliseconds_of(limit));
    *found = polled.revents;
    return result;
}

static int ask_poll(struct call *call, uint64_t limit, short *found)
{
    return poll_one(call->fd, call->interest, limit, found);
}

#ifndef WITHOUT_SELECT
static int ask_select(struct call *call, uint64_t limit, short *found)
{
    static const short meanings[] = {POLLIN, POLLOUT, POLLPRI};
    struct timespec time = timespec_of(limit);
    fd_set sets[COUNT(meanings)];
#ifndef _WIN32 /* whose sets are lists of handles */
    if (call->fd >= (int)FD_SETSIZE) {
        errno = EBADF; /* as of none: a session has no use for so many descriptors */
        return -1;
    }
#endif
    for (size_t index = 0; index < COUNT(meanings); index++) {
        FD_ZERO(&sets[index]);
        if (call->interest & meanings[index])
            FD_SET(call->fd, &sets[index]);
    }
    int result = NET(pselect)(call->fd + 1, &sets[0], &sets[1], &sets[2], &time, NULL);
    for (size_t index = 0; index < COUNT(meanings) && result > 0; index++)
        *found |= FD_ISSET(call->fd, &sets[index]) ? meanings[index] : 0;
    return result;
}
#endif

#if IS_LINUX
/* Registers a socket with its own epoll instance, where that is not done yet, or for something else than
   before; whether that could be done. */
static bool registers(struct call *call)
{
    struct known *known = &sockets[call->number];
    struct epoll_event event = {.events = (uint32_t)(call->interest & ~POLLNVAL)};
    pthread_mutex_lock(&state);
    if (!known->has_epoll)
        known->epoll = epoll_create1(EPOLL_CLOEXEC);
    known->has_epoll = known->epoll >= 0;
    bool is_done = known->is_registered && known->interest == call->interest;
    if (known->has_epoll && !is_done) {
        int change = known->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        is_done = epoll_ctl(known->epoll, change, call->fd, &event) == 0;
    }
    call->error = errno;
    call->epoll = known->epoll;
    if (is_done) {
        known->is_registered = true;
        known->interest = call->interest;
    }
    pthread_mutex_unlock(&state);
    return is_done;
}

/* epoll_wait(2), or where the limit is no whole number of milliseconds, epoll_pwait2(2), which a kernel
   before 5.11 does not have and some sandboxes refuse. */
static int ask_epoll(struct call *call, uint64_t limit, short *found)
{
    struct epoll_event event = {0};
    int result = -1;
    errno = ENOSYS;
#ifdef SYS_epoll_pwait2
    int64_t time[2] = {(int64_t)(limit / SECOND), (int64_t)(limit % SECOND)}; /* struct __kernel_timespec */
    if (limit % MILLISECOND)
        result = (int)syscall(SYS_epoll_pwait2, call->epoll, &event, 1, time, NULL, (size_t)_NSIG / 8);
#endif
    if (result < 0 && (errno == ENOSYS || errno == EPERM))
        result = epoll_wait(call->epoll, &event, 1, milliseconds_of(limit));
    *found = (short)event.events;
    return result;
}
#endif

/* What tells readiness. */
static const struct poller {
    const char *word;
    int (*ask)(struct call *, uint64_t limit, short *found);
    bool (*prepares)(struct call *); /* what comes before the time of the call, if anything does */
} pollers[] = {
    {"poll", ask_poll, NULL},
#ifndef WITHOUT_SELECT
    {"select", ask_select, NULL},
#endif
#if IS_LINUX
    {"epoll", ask_epoll, registers},
#endif
};

static void do_poll(struct call *call)
{
    uint64_t left = call->timeout;
    short found = 0;
    if (call->poller->prepares && !call->poller->prepares(call)) {
        refuse(call, call->error);
        return;
    }
    begin(call);
    while ((call->result = call->poller->ask(call, left, &found)) < 0 && is_disturbed(call))
        left = left_of(call->timeout, call->began);
    end(call);
    if (call->result < 0) {
        fail(call, 0);
    } else if (!found && call->has_timeout) {
        put(&call->answer, "\"err\":{\"class\":\"timeout\",\"text\":\"nothing within the timeout\"}");
    } else {
        put(&call->answer, "\"ok\":{\"ready\":[");
        for (size_t index = 0, told = 0; index < COUNT(readinesses); index++)
            if (found & readinesses[index].number)
                put(&call->answer, "%s\"%s\"", told++ ? "," : "", readinesses[index].word);
        put(&call->answer, "]}");
    }
}

/* Sends until no byte was taken for 100 ms: a delayed acknowledgement makes room again after 40 ms. */
static void do_fill(struct call *call)
{
    const uint64_t still = 100 * MILLISECOND;
    uint64_t total = 0;
    bool is_still = false;
    begin(call);
    call->error = EAGAIN;
    while (!call->is_stopped && !is_still && call->error == EAGAIN) {
        generate(call->seed, total, call->bytes, CHUNK);
        PERSIST(call, NET(send)(call->fd, call->bytes, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL));
        if (call->result >= 0) {
            total += (uint64_t)call->result;
            continue;
        }
        call->error = NET_ERROR;
        if (call->error == EAGAIN) {
            uint64_t since = now();
            short found;
            PERSIST(call, poll_one(call->fd, POLLOUT, left_of(still, since), &found));
            is_still = call->result <= 0;
        }
    }
    call->ended = now();
    if (call->error != EAGAIN)
        fail(call, 0);
    else if (call->is_stopped)
        answer_blocked(call);
    else
        answer_count(call, total);
}

static void do_drain(struct call *call)
{
    struct digest digest = {0};
    begin(call);
    do { /* a sender that never stops never lets a receive wait, and so be broken */
        PERSIST(call, NET(recv)(call->fd, call->bytes, CHUNK, 0));
        if (call->result > 0)
            digest_bytes(&digest, call->bytes, (size_t)call->result);
    } while (call->result > 0 && !call->is_stopped && digest.length < MOST_BYTES);
    end(call);
    if (call->result < 0) {
        fail(call, SO_RCVTIMEO);
    } else if (call->result > 0 && digest.length < MOST_BYTES) {
        answer_blocked(call);
    } else if (!digest.length) {
        put(&call->answer, "\"ok\":\"end-of-stream\"");
    } else {
        answer_digest(call, &digest);
        put(&call->answer, "}}");
    }
    free(digest.hashes);
}

static void do_nonblocking(struct call *call)
{
    begin(call);
    int status = NET(fcntl)(call->fd, F_GETFL, 0);
    int wanted = call->argument ? status | O_NONBLOCK : status & ~O_NONBLOCK;
    call->result = status < 0 ? -1 : NET(fcntl)(call->fd, F_SETFL, wanted);
    end(call);
    answer(call, 0);
}

/* getsockname(2) or getpeername(2). */
static void give_name(struct call *call, int (*name)(int, struct sockaddr *, socklen_t *))
{
    socklen_t length = sizeof call->address;
    TIMED(call, name(call->fd, (struct sockaddr *)&call->address, &length));
    if (call->result < 0) {
        fail(call, 0);
    } else {
        put(&call->answer, "\"ok\":{\"name\":");
        put_endpoint(&call->answer, &call->address, length);
        put(&call->answer, "}");
    }
}

static void do_getsockname(struct call *call)
{
    give_name(call, NET(getsockname));
}

static void do_getpeername(struct call *call)
{
    give_name(call, NET(getpeername));
}

#if HAS_SIGNALS
static void do_interrupt(struct call *call); /* which has to know of workers */
#endif

/* What a verb reads of a request, beside `socket`. */
enum {
    TRANSPORT = 1 << 0, ADDRESS = 1 << 1, TO = 1 << 2, BACKLOG = 1 << 3, AS = 1 << 4, DATA = 1 << 5,
    FLAGS = 1 << 6, SIZE = 1 << 7, FROM = 1 << 8, HOW = 1 << 9, OPTION = 1 << 10, VALUE = 1 << 11,
    READY = 1 << 12, ON = 1 << 13, SEED = 1 << 14, CALL = 1 << 15, PIECES = 1 << 16,
};

static const struct verb {
    const char *word;
    void (*perform)(struct call *);
    unsigned keys;
    bool can_block;
    bool makes_many; /* calls of C, for which it gets a descriptor of its own */
} verbs[] = {
    {"open", do_open, TRANSPORT, false, false},
    {"bind", do_bind, ADDRESS, false, false},
    {"listen", do_listen, BACKLOG, false, false},
    {"connect", do_connect, ADDRESS, true, false},
    {"accept", do_accept, AS, true, false},
    {"send", do_send, DATA | FLAGS | TO, true, false},
    {"sendall", do_sendall, PIECES | FLAGS, true, true},
    {"recv", do_recv, SIZE | FLAGS | FROM, true, false},
#if HAS_READ_WRITE
    {"write", do_write, DATA, true, false},
    {"read", do_read, SIZE, true, false},
#endif
    {"shutdown", do_shutdown, HOW, false, false},
    {"close", do_close, 0, true, false},
    {"dup", do_dup, AS, false, false},
    {"setopt", do_setopt, OPTION | VALUE, false, false},
    {"getopt", do_getopt, OPTION, false, false},
    {"poll", do_poll, READY, true, false},
    {"nonblocking", do_nonblocking, ON, false, false},
    {"getsockname", do_getsockname, 0, false, false},
    {"getpeername", do_getpeername, 0, false, false},
    {"fill", do_fill, SEED, true, true},
    {"drain", do_drain, 0, true, true},
#if HAS_SIGNALS
    {"interrupt", do_interrupt, CALL, false, false},
#endif
};

/* ---- Requests ------------------------------------------------------------------------------------ */

/* Reads `127.0.0.1:80`, `[::1]:80` or, where a link has to be told, `[fe80::1%2]:80`. */
static bool read_inet(struct call *call, const struct value *value)
{
    struct sockaddr_in *four = (void *)&call->address;
    struct sockaddr_in6 *six = (void *)&call->address;
    char text[100] = "", host[80], more;
    unsigned port, scope = 0;
    memcpy(text, value->text, value->length < sizeof text ? value->length : sizeof text - 1);
    if (sscanf(text, "%79[0-9.]:%5u%c", host, &port, &more) == 2 && port <= 65535) {
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        call->address_length = sizeof *four;
        bool is_address = inet_pton(AF_INET, host, &four->sin_addr) == 1;
        PLATFORM_ADDRESS(&four->sin_addr);
        return is_address;
    }
    if ((sscanf(text, "[%79[0-9a-fA-F:.]]:%5u%c", host, &port, &more) == 2 ||
         sscanf(text, "[%79[0-9a-fA-F:.]%%%9u]:%5u%c", host, &scope, &port, &more) == 3) && port <= 65535) {
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        six->sin6_scope_id = scope;
        call->address_length = sizeof *six;
        return inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
    }
    return false;
}

static void read_endpoint(struct call *call, const struct value *endpoint)
{
    struct sockaddr_un *local = (void *)&call->address;
    if (is_text(endpoint, "unnamed"))
        return;
    bool is_inet = endpoint->kind == OBJECT && find(endpoint, "inet");
    if (endpoint->kind != OBJECT || (is_inet && !read_inet(call, need(endpoint, "inet", TEXT))))
        die("line %lu: this is no address", line_number);
    if (is_inet)
        return;
    const struct value *name = need(endpoint, "local", TEXT);
    if (!IS_LINUX || name->length >= sizeof local->sun_path) {
        answer_unsupported(call, "no such unix name here: ", name);
        return;
    }
    *local = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(local->sun_path + 1, name->text, name->length);
    call->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name->length);
}

/* Reads bytes, and puts them behind those that there are. */
static void read_data(struct call *call, const struct value *data)
{
    const struct value *bytes = find(data, "generated") ? NULL : need(data, "bytes", TEXT);
    const struct value *generated = bytes ? NULL : need(data, "generated", OBJECT);
    size_t length = bytes ? bytes->length / 4 * 3 : (size_t)need_unsigned(generated, "length", MOST_BYTES);
    call->bytes = resized(call->bytes, call->length + length);
    if (bytes)
        length = base64_of(bytes, call->bytes + call->length);
    else
        generate(need_unsigned(generated, "seed", UINT64_MAX), 0, call->bytes + call->length, length);
    call->length += length;
}

static void read_pieces(struct call *call, const struct value *list)
{
    struct text ends = {0};
    for (const struct value *piece = list + 1; piece < list + list->span; piece += piece->span) {
        if (piece->kind != OBJECT)
            die("line %lu: a piece is not an object", line_number);
        read_data(call, piece);
        put_bytes(&ends, &call->length, sizeof call->length);
        call->piece_count++;
    }
    call->ends = (void *)ends.bytes;
}

static void read_flags(struct call *call, const struct value *list)
{
    for (const struct value *word = list + 1; word < list + list->span; word += word->span) {
        const struct word *flag = LOOK_UP(flags, word);
        if (!flag)
            answer_unsupported(call, "no such flag here: ", word);
        else if (flag->number)
            call->flags |= flag->number;
        else
            call->raises = true;
    }
    if (call->verb->keys & (DATA | PIECES) && !call->raises)
        call->flags |= MSG_NOSIGNAL;
}

static void read_ready(struct call *call, const struct value *request)
{
    const struct value *by = need(request, "by", TEXT), *list = need(request, "interest", LIST);
    call->has_timeout = find(request, "timeout");
    call->timeout = unsigned_or(request, "timeout", UINT64_MAX, 0);
    call->poller = LOOK_UP(pollers, by);
    if (!call->poller)
        answer_unsupported(call, "readiness is not told here by ", by);
    for (const struct value *word = list + 1; word < list + list->span; word += word->span) {
        const struct word *readiness = LOOK_UP(readinesses, word);
        if (readiness)
            call->interest |= (short)readiness->number;
        else
            answer_unsupported(call, "no such readiness here: ", word);
    }
}

static void read_how(struct call *call, const struct value *request)
{
    const struct value *how = find(request, "how");
    const struct word *half = how ? LOOK_UP(halves, how) : NULL;
    call->argument = half ? half->number : need_int(request, "how");
}

/* Reads what the verb of a call has. What cannot be expressed here is answered. */
static void read_keys(struct call *call, const struct value *request)
{
    unsigned keys = call->verb->keys;
    const struct value *value;
    if (!(keys & CALL))
        call->number = call->as = (int)need_unsigned(request, "socket", MOST_SOCKETS - 1);
    if (keys & AS)
        call->as = (int)need_unsigned(request, "as", MOST_SOCKETS - 1);
    if (keys & TRANSPORT) {
        value = need(request, "transport", TEXT);
        if (!(call->transport = LOOK_UP(transports, value)))
            answer_unsupported(call, "no such transport here: ", value);
    }
    if (keys & ADDRESS) {
        value = find(request, "address");
        read_endpoint(call, value ? value : need(request, "address", OBJECT));
    }
    if (keys & TO && (value = find(request, "to")))
        read_endpoint(call, value);
    if (keys & BACKLOG)
        call->argument = need_int(request, "backlog");
    if (keys & DATA)
        read_data(call, need(request, "data", OBJECT));
    if (keys & PIECES)
        read_pieces(call, need(request, "pieces", LIST));
    if (keys & FLAGS)
        read_flags(call, need(request, "flags", LIST));
    if (keys & SIZE)
        call->length = (size_t)need_unsigned(request, "size", MOST_BYTES);
    if (keys & FROM)
        call->wants_sender = need(request, "from", TRUTH)->is_true;
    if (keys & HOW)
        read_how(call, request);
    if (keys & OPTION) {
        value = need(request, "option", TEXT);
        if (!(call->option = LOOK_UP(options, value)))
            answer_unsupported(call, "no such option here: ", value);
    }
    if (keys & VALUE) {
        call->value = need(request, "value", OBJECT);
        call->passed = unsigned_or(request, "length", 255, NEVER);
    }
    if (keys & READY)
        read_ready(call, request);
    if (keys & ON)
        call->argument = need(request, "on", TRUTH)->is_true;
    if (keys & SEED)
        call->seed = need_unsigned(request, "seed", UINT64_MAX);
    if (keys & CALL)
        call->target = need_unsigned(request, "call", UINT64_MAX);
}

/* Finds what a call acts on, and writes down what its being made means for those to come. The state is
   locked. */
static void aim(struct call *call)
{
    static const struct known none = {.fd = NO_DESCRIPTOR, .transport = transports};
    struct known *socket = &sockets[call->number];
    const struct known *found = socket->is_open ? socket : &none;
    call->fd = found->fd;
    call->transport = call->transport ? call->transport : found->transport;
    call->was_connected = found->was_connected;
    if (call->verb->perform == do_connect)
        socket->was_connected = true;
    if (call->verb->perform == do_close)
        socket->is_open = false;
    if (call->verb->perform == do_setopt && call->option->form == LINGER)
        lingers = true;
    /* The scenario may close the descriptor meanwhile, and the next socket then gets its number. A single
       call is made on the descriptor itself, as that it is closed may be the point. */
    if (call->verb->makes_many && (call->own = NET(dup)(call->fd)) >= 0) {
        fcntl(call->own, F_SETFD, FD_CLOEXEC);
        call->fd = call->own;
    }
}

/* Gets a buffer ready for what a call receives, which must not take time of its own. */
static void prepare(struct call *call)
{
    size_t size = call->verb->keys & SIZE ? call->length : CHUNK;
    if (call->bytes || !(call->verb->makes_many || call->verb->keys & SIZE))
        return;
    call->bytes = resized(NULL, size);
    if (size <= CHUNK) /* of a larger one only what is received is to take memory */
        memset(call->bytes, 0, size);
}

static void perform(struct call *call)
{
    call->began = call->ended = now();
    call->verb->perform(call);
    /* Before anybody knows that the call has returned: a close of the socket must then be the last one. */
    if (call->own >= 0)
        NET(close)(call->own);
}

/* Keeps the socket that a call has made. The state is locked. */
static void keep(struct call *call)
{
    struct known *socket = &sockets[call->as];
    if (call->made >= 0 && call->is_silent) {
        NET(close)(call->made);
    } else if (call->made >= 0) {
        if (socket->is_open)
            die("socket %d is open already", call->as);
        if (socket->has_epoll)
            close(socket->epoll);
        fcntl(call->made, F_SETFD, FD_CLOEXEC);
        *socket = (struct known){.is_open = true, .fd = call->made, .transport = call->transport};
        socket->was_connected = call->verb->perform == do_dup && call->was_connected;
    }
}

static void say_done(struct call *call)
{
    struct text text = {0};
    put(&text, "{\"kind\":\"done\",\"id\":%" PRIu64 ",\"began\":%" PRIu64 ",\"took\":%" PRIu64 ",", call->id,
        call->began, call->ended - call->began);
    put_bytes(&text, call->answer.bytes, call->answer.length);
    put(&text, "}");
    say(&text);
}

/* ---- Workers ------------------------------------------------------------------------------------- */

#define KEPT_WORKERS 4
#define STACK ((size_t)256 << 10) /* the bytes of a call are on the heap */

/* A thread for one call after the other. */
static struct worker {
    struct worker *next;
    pthread_t thread;
    struct call *call; /* NULL while it is idle */
    bool is_dismissed;
    pthread_cond_t changed; /* either of these */
} *workers;

static bool gives_threads = true;
static pthread_cond_t returned;      /* a worker is idle again */
static pthread_cond_t attention;     /* the watch has to look at the calls earlier than it meant to, */
static uint64_t watched_at = NEVER;  /* which is then */
static bool is_over;                 /* no call will come any more */

/* Makes a condition whose waits are limited by the monotonic clock. */
static void make_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
#ifndef _WIN32 /* where each wait says how long it is */
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Waits for a condition until some moment. The state is locked. */
static void await(pthread_cond_t *condition, uint64_t moment)
{
    struct timespec time = timespec_of(moment);
    if (moment == NEVER) {
        pthread_cond_wait(condition, &state);
    } else {
#ifdef _WIN32
        uint64_t moment_now = now();
        time = timespec_of(moment > moment_now ? moment - moment_now : 0);
        pthread_cond_timedwait_relative_np(condition, &state, &time);
#else
        pthread_cond_timedwait(condition, &state, &time);
#endif
    }
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    int error = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return error;
}

static void say_started(const struct call *call)
{
    struct text text = {0};
    put(&text, "{\"kind\":\"started\",\"id\":%" PRIu64, call->id);
#ifdef __linux__
    if (gives_threads)
        put(&text, ",\"thread\":%ld", syscall(SYS_gettid));
#endif
    put(&text, "}");
    say(&text);
}

static void *work(void *argument)
{
    struct worker *self = argument;
    struct call *call;
    pthread_mutex_lock(&state);
    for (;;) {
        while (!self->call && !self->is_dismissed)
            await(&self->changed, NEVER);
        if (!(call = self->call))
            break;
        pthread_mutex_unlock(&state);

        prepare(call);
        pthread_mutex_lock(&state);
        call->deadline = call->limit == NEVER ? NEVER : now() + call->limit;
        call->phase = RUNNING;
        if (call->is_stopped || call->deadline < watched_at)
            pthread_cond_signal(&attention);
        pthread_mutex_unlock(&state);

        say_started(call);
        perform(call);
        pthread_mutex_lock(&state);
        call->phase = RETURNED;
        keep(call);
        bool is_silent = call->is_silent;
        pthread_mutex_unlock(&state);

        if (!is_silent)
            say_done(call);
        pthread_mutex_lock(&state);
        self->call = NULL;
        free_call(call);
        pthread_cond_signal(&returned);
    }
    pthread_mutex_unlock(&state);
    return NULL;
}

/* Breaks the call that a worker makes, where it waits. */
static void break_off(const struct worker *worker)
{
#if HAS_SIGNALS
    pthread_kill(worker->thread, BREAK);
#else
    PLATFORM_CANCEL(worker->call->fd);
#endif
}

/* Ends calls whose time is over. A signal can fall right before the call that it is to end, and so is
   repeated until that has returned. */
static void *watch(void *unused)
{
    pthread_mutex_lock(&state);
    while (!is_over) {
        uint64_t moment = now();
        watched_at = NEVER;
        for (struct worker *worker = workers; worker; worker = worker->next) {
            struct call *call = worker->call;
            if (!call || call->phase != RUNNING)
                continue;
            if (call->deadline <= moment)
                call->is_stopped = true;
            if (call->is_stopped)
                break_off(worker);
            uint64_t next = call->is_stopped ? moment + MILLISECOND : call->deadline;
            watched_at = next < watched_at ? next : watched_at;
        }
        await(&attention, watched_at);
    }
    pthread_mutex_unlock(&state);
    return unused;
}

/* Gives a call to a worker that is idle, or to a new one. */
static void give(struct call *call)
{
    int error = 0;
    pthread_mutex_lock(&state);
    struct worker *worker = workers;
    while (worker && worker->call)
        worker = worker->next;
    if (!worker) {
        worker = resized(NULL, sizeof *worker);
        *worker = (struct worker){.next = workers};
        make_condition(&worker->changed);
        error = start_thread(&worker->thread, work, worker);
        workers = error ? workers : worker;
    }
    if (!error) {
        worker->call = call;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&state);
    if (error) {
        free(worker);
        answer_error(call, "other", error);
        say_done(call);
        free_call(call);
    }
}

/* The worker of a pending call; NULL where it is not pending. The state is locked. */
static struct worker *worker_of(uint64_t id)
{
    struct worker *worker = workers;
    while (worker && !(worker->call && worker->call->id == id && !worker->call->is_silent))
        worker = worker->next;
    return worker;
}

static void cancel(uint64_t id)
{
    pthread_mutex_lock(&state);
    struct worker *worker = worker_of(id);
    if (worker)
        worker->call->is_stopped = true;
    pthread_cond_signal(&attention);
    pthread_mutex_unlock(&state);
}

#if HAS_SIGNALS
static void do_interrupt(struct call *call)
{
    pthread_mutex_lock(&state);
    struct worker *worker = worker_of(call->target);
    begin(call);
    if (worker && worker->call->phase == RUNNING) {
        worker->call->is_interrupted = true;
        pthread_kill(worker->thread, INTERRUPT);
    }
    call->result = 0;
    end(call);
    pthread_mutex_unlock(&state);
    answer(call, 0);
}
#endif

/* Whether a call takes from under a pending one what that waits on. The state is locked. */
static bool undermines(const struct call *call)
{
    bool closes = call->verb->perform == do_close;
    bool is_stream = sockets[call->number].is_open && sockets[call->number].transport->type == SOCK_STREAM;
    bool ends_input = is_stream && call->verb->perform == do_shutdown && call->argument != SHUT_WR;
    for (struct worker *worker = workers; worker; worker = worker->next) {
        const struct call *other = worker->call;
        if (!other || other->number != call->number || other->phase == RETURNED)
            continue;
        bool receives = other->verb->keys & SIZE || other->verb->perform == do_drain;
        bool accepts = other->verb->perform == do_accept && call->argument != SHUT_RD;
        if (closes || (ends_input && (receives || accepts)))
            return true;
    }
    return false;
}

/* Tells the pending calls on a socket that its descriptor is about to be closed. The state is locked. */
static void orphan(int number)
{
    for (struct worker *worker = workers; worker; worker = worker->next)
        if (worker->call && worker->call->number == number && worker->call->own < 0)
            worker->call->is_orphaned = true;
}

/* Lets idle workers go, but for so many. */
static void dismiss_workers(size_t kept)
{
    struct worker **link = &workers, *gone = NULL, *worker;
    pthread_mutex_lock(&state);
    while ((worker = *link)) {
        if (worker->call || kept) {
            kept -= kept ? 1 : 0;
            link = &worker->next;
        } else {
            *link = worker->next;
            worker->next = gone;
            gone = worker;
            worker->is_dismissed = true;
            pthread_cond_signal(&worker->changed);
        }
    }
    pthread_mutex_unlock(&state);
    while ((worker = gone)) {
        gone = worker->next;
        pthread_join(worker->thread, NULL);
        pthread_cond_destroy(&worker->changed);
        free(worker);
    }
}

/* ---- The session --------------------------------------------------------------------------------- */

static void put_leak(struct text *leaks, const char *what, uint64_t number, const char *why)
{
    put(leaks, "%s\"%s %" PRIu64 ": %s\"", leaks->length ? "," : "", what, number, why);
}

/* Ends what is pending, without answers. What does not end in time is left alone from then on. */
static void end_calls(uint64_t patience, struct text *leaks)
{
    uint64_t until = now() + patience;
    bool is_pending = true;
    pthread_mutex_lock(&state);
    while (is_pending) {
        bool is_late = now() >= until;
        is_pending = false;
        for (struct worker *worker = workers; worker; worker = worker->next) {
            struct call *call = worker->call;
            if (!call || call->is_abandoned)
                continue;
            call->is_silent |= call->phase != RETURNED;
            call->is_stopped = is_pending = true;
            call->is_abandoned = is_late;
            if (is_late)
                put_leak(leaks, call->verb->word, call->id, "the call does not end");
        }
        pthread_cond_signal(&attention);
        if (is_pending && !is_late)
            await(&returned, until);
    }
    pthread_mutex_unlock(&state);
}

/* Closes every socket, without waiting, and forgets the numbers. */
static void close_sockets(struct text *leaks)
{
    const struct linger none = {0, 0};
    for (struct known *socket = sockets; socket < sockets + MOST_SOCKETS; socket++) {
        if (socket->has_epoll)
            close(socket->epoll);
        if (socket->is_open && lingers)
            NET(setsockopt)(socket->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        if (socket->is_open && NET(close)(socket->fd) < 0)
            put_leak(leaks, "socket", (uint64_t)(socket - sockets), NET_TEXT(NET_ERROR));
        *socket = (struct known){0};
    }
    lingers = false;
}

static void reset(uint64_t id)
{
    struct call call = {.id = id, .began = now()};
    struct text leaks = {0};
    end_calls(5 * SECOND, &leaks);
    close_sockets(&leaks);
    dismiss_workers(KEPT_WORKERS);
    call.ended = now();
    put(&call.answer, "\"ok\":{\"reset\":{\"leaks\":[");
    put_bytes(&call.answer, leaks.bytes, leaks.length);
    put(&call.answer, "]}}");
    say_done(&call);
    free(call.answer.bytes);
    free(leaks.bytes);
}

static bool can_block(const struct call *call)
{
    if (call->verb->perform == do_poll)
        return call->has_timeout;
    return call->verb->perform == do_close ? lingers : call->verb->can_block;
}

static void handle_call(const struct value *request)
{
    struct call *call = resized(NULL, sizeof *call);
    const struct value *word = need(request, "verb", TEXT);
    /* It has failed with this until it is made. */
    *call = (struct call){.own = -1, .made = -1, .result = -1, .error = EINVAL, .began = now()};
    call->id = need_unsigned(request, "id", UINT64_MAX);
    call->limit = unsigned_or(request, "limit", UINT64_MAX / 2, NEVER);
    call->ended = call->began;
    call->verb = LOOK_UP(verbs, word);
    if (call->verb)
        read_keys(call, request);
    else
        answer_unsupported(call, "no such verb here: ", word);
    if (!call->answer.length) {
        pthread_mutex_lock(&state);
        bool is_possible = CLOSES_PENDING || !undermines(call);
        if (call->verb->perform == do_close && is_possible)
            orphan(call->number);
        if (is_possible)
            aim(call);
        pthread_mutex_unlock(&state);
        if (!is_possible) {
            answer_unsupported(call, "while another thread has a call on the socket the stack allows no ", word);
            say_done(call);
            free_call(call);
            return;
        }
        if (can_block(call)) {
            give(call);
            return;
        }
        prepare(call);
        perform(call);
        pthread_mutex_lock(&state);
        keep(call);
        pthread_mutex_unlock(&state);
    }
    say_done(call);
    free_call(call);
}

static void handle(const struct value *request)
{
    const struct value *kind = need(request, "kind", TEXT);
    if (is_text(kind, "call"))
        handle_call(request);
    else if (is_text(kind, "cancel"))
        cancel(need_unsigned(request, "call", UINT64_MAX));
    else if (is_text(kind, "reset"))
        reset(need_unsigned(request, "id", UINT64_MAX));
    else if (!is_text(kind, "welcome"))
        die("line %lu: `kind` is none of welcome, call, cancel and reset", line_number);
    else if (need_unsigned(request, "version", UINT64_MAX) != 1)
        die("line %lu: only version 1 is spoken here", line_number);
}

/* What is known not to be offered here; the last line is empty. */
static const struct lack {
    const char *word, *why;
} known_lacks[] = {LACKS {NULL, NULL}};

/* Why a word is not offered here, by what is known of the platform; NULL where it is. */
static const char *lack_of(const char *word)
{
    const struct lack *lack = known_lacks;
    while (lack->word && strcmp(lack->word, word))
        lack++;
    return lack->why;
}

/* Why there are no sockets of a transport here; NULL where there are. */
static const char *lack_of_transport(const struct transport *transport)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const char *known = lack_of(transport->word);
    if (known)
        return known;
    int fd = NET(socket)(transport->family, transport->type, 0);
    if (fd < 0)
        return "the system has no such sockets";
    bool is_lacking = transport->family == AF_INET6 && NET(bind)(fd, (void *)&loopback, sizeof loopback) < 0;
    NET(close)(fd);
    return is_lacking ? "this host has no IPv6 loopback address" : NULL;
}

/* Offers a word that is not known to be lacking. */
static void offer(struct text *offers, const char *word)
{
    if (!lack_of(word))
        put(offers, "%s\"%s\"", offers->length ? "," : "", word);
}

static void put_lack(struct text *lacks, const char *word, const char *why)
{
    put(lacks, "%s\"%s\":\"%s\"", lacks->length ? "," : "", word, why);
}

/* What the system makes of a limit of one microsecond: its tick. */
static uint64_t tick(void)
{
    if (LIMIT_FORM != TIMEVAL) /* which there is no way to tell then */
        return 0;
    struct timeval time = {0, 1};
    socklen_t length = sizeof time;
    int fd = NET(socket)(AF_INET, SOCK_DGRAM, 0);
    bool is_known = fd >= 0 && !NET(setsockopt)(fd, SOL_SOCKET, SO_RCVTIMEO, &time, length) &&
                    !NET(getsockopt)(fd, SOL_SOCKET, SO_RCVTIMEO, &time, &length);
    if (fd >= 0)
        NET(close)(fd);
    return is_known ? nanoseconds_of(time) : 0;
}

static void say_hello(const char *name)
{
    static const char *const words[] = {
        "blocking-calls", "concurrent",    "cancel",   "shutdown-read", "shutdown-write", "shutdown-both",
        "dup",            "peek",          "wait-all", "dont-wait",     "truncation",     "cut-datagrams",
        "read-write",     "nonblocking",   "poll",     "select",        "names",          "fill",
        "signals",        "more",          "raise",    "epoll",         "error-queue",    "tcp-info",
        "short-options",  "shutdown-number",
    };
    struct text text = {0}, offers = {0}, lacks = {0};
    struct utsname system = {0};
    uname(&system);
    put(&text, "{\"kind\":\"hello\",\"versions\":[1],\"name\":\"");
    put_escaped(&text, name, strlen(name));
    put(&text, "\",\"version\":\"%s%s %s, ", PLATFORM_VERSION, system.sysname, system.release);
#ifdef __GLIBC__
    put(&text, "glibc %d.%d", __GLIBC__, __GLIBC_MINOR__);
#elif defined __MINGW64_VERSION_MAJOR
    put(&text, "mingw-w64 %d.%d", __MINGW64_VERSION_MAJOR, __MINGW64_VERSION_MINOR);
#else
    put(&text, "%s", IS_LINUX ? "musl" : "its C library");
#endif
    put(&text, "\",\"granularity\":{\"poll\":0,\"socket\":%" PRIu64 "}", tick());
    for (size_t index = 0; index < COUNT(words); index++)
        offer(&offers, words[index]);
    for (size_t index = 0; index < COUNT(transports); index++) {
        const char *word = transports[index].word, *why = lack_of_transport(&transports[index]);
        if (!why)
            offer(&offers, word);
        else if (!lack_of(word))
            put_lack(&lacks, word, why);
    }
    for (size_t index = 0; index < COUNT(options) && !IS_LINUX; index++)
        offer(&offers, options[index].name);
    if (IS_LINUX)
        offer(&offers, "options");
    for (const struct lack *lack = known_lacks; lack->word; lack++)
        put_lack(&lacks, lack->word, lack->why);
    put(&text, "%s,\"offers\":[", PLATFORM_HELLO);
    put_bytes(&text, offers.bytes, offers.length);
    put(&text, "],\"lacks\":{");
    put_bytes(&text, lacks.bytes, lacks.length);
    put(&text, "}}");
    say(&text);
    free(offers.bytes);
    free(lacks.bytes);
}

/* The next line of standard input, with its line feed; it stays until the one after it is asked for. NULL
   at the end. */
static char *read_line(struct text *input)
{
    static size_t taken; /* of the input, by the line before */
    input->length -= taken;
    memmove(input->bytes, input->bytes + taken, input->length);
    for (size_t scanned = 0;;) {
        char *end = memchr(input->bytes + scanned, '\n', input->length - scanned);
        taken = end ? (size_t)(end - input->bytes) + 1 : 0;
        scanned = input->length;
        line_number += end != NULL;
        if ((end ? taken - 1 : scanned) > MOST_LINE)
            die("a line is longer than 16 MiB");
        if (end)
            return input->bytes;
        ssize_t count = read(STDIN_FILENO, reserve(input, CHUNK), CHUNK);
        if (count > 0)
            input->length += (size_t)count;
        else if (count < 0 && errno == EAGAIN) /* whoever made the pipe made it so */
            poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, -1);
        else if (count < 0 && errno != EINTR)
            die("standard input: %s", strerror(errno));
        else if (count == 0 && input->length)
            die("standard input ends within a line");
        else if (count == 0)
            return NULL;
    }
}

#if HAS_SIGNALS
static void ignore(int signal)
{
    if (signal == BREAK)
        PLATFORM_BREAK();
}

/* Blocks SIGPIPE, in this thread and those that it will make, so that it can be seen and does no harm; and
   installs the handlers, which only interrupt. */
static void set_signals(void)
{
    struct sigaction action = {.sa_handler = ignore};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    sigaction(BREAK, &action, NULL);
    action.sa_flags = SA_RESTART;
    sigaction(INTERRUPT, &action, NULL);
}
#endif

int main(int count, char **arguments)
{
    const char *name = "native-c";
    for (int index = 1; index < count; index++) {
        if (!strcmp(arguments[index], "--no-thread"))
            gives_threads = false;
        else if (!strcmp(arguments[index], "--name") && index + 1 < count)
            name = arguments[++index];
        else if (!PLATFORM_OPTION(arguments[index]))
            die("usage: agent [--name NAME] [--no-thread]");
    }
    int spare = open("/dev/null", O_RDWR); /* no socket gets the number of a standard stream */
    while (spare >= 0 && spare <= STDERR_FILENO)
        spare = dup(spare);
    close(spare);
#if HAS_SIGNALS
    set_signals();
#endif
    PLATFORM_START();
    make_condition(&returned);
    make_condition(&attention);
    pthread_t watching;
    int error = start_thread(&watching, watch, NULL);
    if (error)
        die("a thread: %s", strerror(error));
    say_hello(name);

    struct text input = {0}, leaks = {0};
    char *from;
    reserve(&input, CHUNK);
    while ((from = read_line(&input)))
        handle(parse(from));

    end_calls(SECOND / 2, &leaks);
    close_sockets(&leaks);
    if (leaks.length) /* a thread is stuck */
        _exit(0);
    dismiss_workers(0);
    pthread_mutex_lock(&state);
    is_over = true;
    pthread_cond_signal(&attention);
    pthread_mutex_unlock(&state);
    pthread_join(watching, NULL);
    free(input.bytes);
    free(values);
    return 0;
}
