/*
 * Gives a user-mode Linux kernel its standard input, never more at a time than it can take.
 *
 *     musl-gcc -static -O2 -Wall -Wextra -Werror -o relay relay.c
 *     relay COMMAND...
 *
 * The command is the kernel's, or what starts it. What this program reads from its standard input is
 * passed on a piece after the other, the next one once init.c has acknowledged the one before by a byte on
 * descriptor 3. The command's standard input has for each piece its length, in four bytes of this
 * machine's order, and behind that the piece itself if it is short. A longer one stands in the memory file
 * that is descriptor 4, which the kernel has as a block device. All else is the command's own, and this
 * program ends as it does.
 *
 * That is needed since a line of that kernel whose buffer of 4,096 bytes is full is throttled, and is not
 * read from any more after that: arch/um/drivers/line.c line_throttle() takes it from those that are
 * waited for, and line_unthrottle() does not put it back. It also reads a line byte by byte.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What both init.c and this file know. */
#define PIECE 65536 /* bytes, at most */
#define SHORT 2048  /* bytes, at most, of what passes through the line */

/* Descriptors of the command. */
#define ACKNOWLEDGEMENT 3
#define MEMORY 4

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Reads from a descriptor as soon as it can be read, whoever has made it non-blocking. */
static ssize_t take(int from, void *bytes, size_t room)
{
    for (;;) {
        ssize_t count = read(from, bytes, room);
        if (count >= 0 || (errno != EAGAIN && errno != EINTR))
            return count;
        poll(&(struct pollfd){.fd = from, .events = POLLIN}, 1, -1);
    }
}

/* Writes all; false where nobody reads any more. */
static bool give(int to, const uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t count = write(to, bytes, length);
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = to, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Passes a piece on, and waits until it is taken; false where the kernel ends. */
static bool pass(int input, int acknowledgements, int memory, const uint8_t *piece, uint32_t length)
{
    uint8_t line[sizeof length + SHORT];
    size_t used = sizeof length;
    memcpy(line, &length, sizeof length);
    if (length <= SHORT) {
        memcpy(line + used, piece, length);
        used += length;
    } else if (pwrite(memory, piece, length, 0) != (ssize_t)length) {
        die("the memory file");
    }
    return give(input, line, used) && take(acknowledgements, line, 1) == 1;
}

/* Waits until there is more to read, or the kernel has ended. */
static bool is_more(int acknowledgements)
{
    struct pollfd both[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = acknowledgements}};
    while (poll(both, 2, -1) < 0)
        if (errno != EINTR)
            die("poll");
    return !both[1].revents;
}

static pid_t start(char **command, int input, int acknowledgement, int memory)
{
    pid_t child = fork();
    if (child)
        return child;
    if (dup2(input, STDIN_FILENO) < 0 || dup2(acknowledgement, ACKNOWLEDGEMENT) < 0 || dup2(memory, MEMORY) < 0)
        die("dup2");
    execvp(command[0], command);
    die(command[0]);
}

int main(int count, char **arguments)
{
    static uint8_t piece[PIECE];
    int input[2], acknowledgements[2], status;
    ssize_t length;
    if (count < 2) {
        fprintf(stderr, "usage: relay COMMAND...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    /* Leaves the numbers alone that the command's descriptors will have. */
    int spare = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (spare >= 0 && spare < MEMORY)
        spare = fcntl(spare, F_DUPFD_CLOEXEC, spare + 1);
    int memory = memfd_create("input", MFD_CLOEXEC);
    if (spare < 0 || memory < 0 || ftruncate(memory, PIECE))
        die("the memory file");
    if (pipe2(input, O_CLOEXEC) || pipe2(acknowledgements, O_CLOEXEC))
        die("a pipe");
    pid_t child = start(arguments + 1, input[0], acknowledgements[1], memory);
    if (child < 0)
        die("fork");
    close(input[0]);
    close(acknowledgements[1]);
    close(STDOUT_FILENO); /* so that its end is seen when the kernel ends */

    while (is_more(acknowledgements[0]) && (length = take(STDIN_FILENO, piece, sizeof piece)) > 0)
        if (!pass(input[1], acknowledgements[0], memory, piece, (uint32_t)length))
            break;
    close(input[1]);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
