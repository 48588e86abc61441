/* The floor: one POST by a program that only writes and reads the socket. It checks, times and prints nothing.
   floor PORT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char body[] = "{\"key1\":\"value1\",\"key2\":\"value2\"}";
    char buffer[4096];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 80)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int size = snprintf(buffer, sizeof buffer,
                        "POST /data HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer t0ken\r\n"
                        "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        sizeof body - 1, body);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) || write(fd, buffer, size) != size)
        return 1;
    size = read(fd, buffer, sizeof buffer);
    return size < 12 || memcmp(buffer + 9, "200", 3) || write(1, buffer, size) != size;
}
