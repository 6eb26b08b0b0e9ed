// The floor: what the kernel takes for a delivery when a server does nothing
// but write. One thread keeps every GET as a stream and, for each POST, makes one
// frame and writes it to each stream in turn. No rooms, no history, no queue: a
// full socket is waited for.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 20000, ROOM = 16384 };

struct peer {
	char *in; // a request as far as it has come
	size_t have;
	int place; // in streams, from 1; 0 is a sender
};

static struct peer peers[MOST];
static int streams[MOST], count;

static void put(int fd, const char *bytes, size_t n) {
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);
		if (done <= 0)
			return; // gone; its hang-up is on its way
		bytes += done;
		n -= done;
	}
}

static void leave(int fd) {
	struct peer *p = &peers[fd];
	if (p->place) {
		int last = streams[--count];
		streams[p->place - 1] = last;
		peers[last].place = p->place;
	}
	free(p->in);
	memset(p, 0, sizeof *p);
	close(fd);
}

static void tell(const char *data, int n) {
	static char frame[2 * ROOM];
	static unsigned long number;
	char id[32];
	int m = snprintf(id, sizeof id, "id: %lu\ndata: ", ++number);
	int f = snprintf(frame, sizeof frame, "%x\r\n%s%.*s\n\n\r\n", m + n + 2, id, n, data);
	for (int i = 0; i < count; i++)
		put(streams[i], frame, f);
}

// serve answers the requests that have come whole.
static void serve(int fd) {
	static const char hello[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char done[] = "HTTP/1.1 204 No Content\r\n\r\n";
	struct peer *p = &peers[fd];
	for (;;) {
		p->in[p->have] = 0;
		char *end = strstr(p->in, "\r\n\r\n");
		if (!end)
			return;
		size_t head = end + 4 - p->in, body = 0;
		if (!strncmp(p->in, "GET ", 4)) {
			streams[count++] = fd;
			p->place = count;
			p->have = 0;
			put(fd, hello, sizeof hello - 1);
			return;
		}
		char *length = strcasestr(p->in, "\r\nContent-Length:");
		if (length && length < end)
			body = strtoul(length + 17, NULL, 10);
		if (head + body > ROOM || p->have < head + body)
			return;
		tell(p->in + head, (int)body);
		put(fd, done, sizeof done - 1);
		p->have -= head + body;
		memmove(p->in, p->in + head + body, p->have);
	}
}

int main(int argc, char **argv) {
	int one = 1, door = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 7001)};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(door, (void *)&at, sizeof at) || listen(door, 4096)) {
		perror("listen");
		return 1;
	}
	int poll = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = door}, ready[256];
	epoll_ctl(poll, EPOLL_CTL_ADD, door, &e);
	for (;;) {
		int n = epoll_wait(poll, ready, 256, -1);
		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			if (fd == door) {
				fd = accept(door, NULL, NULL);
				if (fd < 0)
					continue;
				if (fd >= MOST) {
					close(fd);
					continue;
				}
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				peers[fd].in = malloc(ROOM + 1);
				e.data.fd = fd;
				epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
				continue;
			}
			ssize_t got = read(fd, peers[fd].in + peers[fd].have, ROOM - peers[fd].have);
			if (got <= 0) {
				leave(fd);
				continue;
			}
			peers[fd].have += got;
			serve(fd);
		}
	}
}
