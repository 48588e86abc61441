"""What needs no quiet machine, as it is the same from run to run: instructions, system calls, bytes and memory.

Whatever could change a count is fixed: the environment, the length of paths and of port numbers, and the answers, which
take a moment, so that authpost sleeps until they come. The C library still asks the processor what it is; and another
compiler or C library makes another binary."""
import os, re, shutil, socket, statistics, subprocess, tempfile, threading, time

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "AUTHPOST_TOKEN": "t0ken"}
LINE = '{"id":12345,"name":"a name of usual length"}\n'
# What is counted, and the most that it may be with each C library.
BARS = {
    "instructions of one http POST": {"glibc": 220_000, "musl": 200_000},
    "instructions of a line": {},
    "system calls of one http POST": {},
    "system calls of a line": {},
    "system calls of a line into the spool": {},
    "syncs of a document through the spool": {"glibc": 4, "musl": 4},
    "bytes of the binary": {"glibc": 2_900_000, "musl": 2_000_000},
    "bytes of memory of one http POST": {"glibc": 3_500_000, "musl": 3_500_000},
}


def answer(connection):
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return
            received += piece
        head, body = received.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"content-length: (\d+)", head.lower()).group(1))
        while len(body) < length:
            body += connection.recv(65536)
        received = body[length:]
        time.sleep(0.001)
        connection.sendall(ANSWER)


def serve(listener):
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def bound():
    """A socket of loopback with a port of five digits, and its URL."""
    while True:
        it = socket.socket()
        it.bind(("127.0.0.1", 0))
        port = it.getsockname()[1]
        if port >= 10_000:
            return it, f"http://127.0.0.1:{port}/data"


def library(binary):
    """The C library of a binary: glibc or musl."""
    return re.search(r"glibc|musl", subprocess.run([binary, "-V"], capture_output=True, text=True).stdout).group()


def measure(binary, launch):
    """The counts of a binary, by name."""
    listener, url = bound()
    listener.listen()
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    closed, down = bound()
    work = tempfile.mkdtemp(prefix="authpost-count-", dir="/tmp")
    shutil.copy(binary, f"{work}/authpost")
    shutil.copy(launch, f"{work}/launch")

    def run(program, *arguments):
        done = subprocess.run([*program, "./authpost", *arguments], cwd=work, env=ENVIRONMENT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: authpost {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
        return done

    def instructions(*arguments):
        said = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], *arguments).stderr
        return int(re.search(r"Collected : (\d+)", said).group(1))

    def calls(*arguments, name=r"\w+"):
        run(["strace", "-f", "-qq", "-o", "calls"], *arguments)
        with open(f"{work}/calls") as trace:
            return sum(re.match(rf"\d+ +{name}\(", line) is not None for line in trace)

    def of_a_line(count, *arguments):
        """What each of a hundred lines adds, to the nearest: memory may be asked for now and then."""
        found = []
        for lines in 100, 200:
            with open(f"{work}/lines", "w") as file:
                file.write(LINE * lines)
            found.append(count("--lines", "lines", *arguments))
        return round((found[1] - found[0]) / 100)

    def memory():
        return 1024 * statistics.median(int(run(["./launch"], *post).stdout.split()[1]) for _ in range(5))

    try:
        post = [url, "key1=value1", "key2=value2"]
        os.mkdir(f"{work}/spool", 0o700)
        # The first run makes the spool.
        run([], *post, "--spool", "spool")
        values = [
            instructions(*post),
            of_a_line(instructions, url),
            calls(*post),
            of_a_line(calls, url),
            of_a_line(calls, "--spool", "spool", "--tries", "1", down),
            calls(*post, "--spool", "spool", name="f(data)?sync"),
            os.path.getsize(binary),
            memory(),
        ]
        return dict(zip(BARS, values))
    finally:
        closed.close()
        shutil.rmtree(work)


def check(binary, launch, figures):
    """Compares the counts with those of the figures, and prints both. The exit code: 1 where one is more than 3 % worse."""
    libc = library(binary)
    known = figures["counts"].get(libc)
    if known is None:
        raise SystemExit(f"bench: figures.json has no counts for a binary with {libc}: run make bench")
    is_worse = False
    print("| what | now | figures.json | |\n|---|---|---|---|")
    for what, now in measure(binary, launch).items():
        before = known[what]
        said = "as it was"
        if now > before * 1.03:
            said, is_worse = f"**worse by {100 * now / before - 100:.1f} %**", True
        elif now < before * 0.97:
            said = "lower: update the file with make bench"
        print(f"| {what} | {now:,} | {before:,} | {said} |")
    if is_worse:
        print(f"\nbench: something costs more than figures.json says. It was measured with rustc {figures['versions']['rustc']}.")
    return int(is_worse)
