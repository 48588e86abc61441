#!/usr/bin/env python3
"""make bench: every figure side by side, in one run on this machine, all of it on loopback. They go to figures.json beside
this file; the README's table and figures.svg are rendered from that.

Contenders take turns, so that what else the machine does befalls them alike; times are medians. Server and contenders
have cores of their own: left to the scheduler, who shares a core with whom would decide. What was linked here is copied
first, as installing it does: a file as a linker writes it lies in small pieces in the page cache, and each page fault takes
longer. What is not installed is left out, and said.
usage: bench.py BINARY [--quick]   measures all; --quick in fewer rounds, which writes nothing
       bench.py BINARY --check     compares what needs no quiet machine with figures.json; exit 1 where it is 3 % worse
       bench.py --render           renders README and chart from figures.json
MUSL_BINARY names a binary linked with musl, which is measured beside the other. Without it, one that is newer than the
sources is taken from where make and 'tests/cross/build.sh target/cross x86_64-unknown-linux-musl' leave it."""
import datetime, glob, json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
import counts, render

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
FIGURES = os.path.join(HERE, "figures.json")
OPTIONS = [argument for argument in sys.argv[1:] if argument.startswith("--")]
BINARY = next((os.path.abspath(argument) for argument in sys.argv[1:] if not argument.startswith("--")), None)
QUICK = "--quick" in OPTIONS
TOKEN = "t0ken"
BODY = '{"key1":"value1","key2":"value2"}'
# An event of a log, as many are sent that way.
LINE = ('{"id":%d,"time":"2026-11-20T03:00:00.123Z","level":"info","host":"web1.example.com",'
        '"message":"GET /api/v1/orders/12345 answered 200 after 12.5 ms","user":{"id":12345,"name":"Ada Lovelace"},'
        '"latency":12.5,"tags":["http","orders"]}\n')
CORES = sorted(os.sched_getaffinity(0))
SERVER, CLIENT = {CORES[0]}, set(CORES[1:]) or {CORES[0]}
OURS, OURS_MUSL, FLOOR, FLOOR_MUSL = "authpost", "authpost, musl", "C", "C, musl"
figures, left_out = [], []


def tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        left_out.append(f"{name} (not installed)")
    return path


def work(name):
    return os.path.join(DIR, name)


def run(command, cores=CLIENT):
    return subprocess.run(command, env=ENV, cwd=DIR, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))


def launch(command, cores=CLIENT):
    """Seconds and peak MB of one run, which must succeed."""
    nanoseconds, kib, code = map(int, run([LAUNCH] + command, cores).stdout.split())
    if code:
        sys.exit(f"bench: {' '.join(command)[:200]}: exit {code}")
    return nanoseconds / 1e9, kib * 1024 / 1e6


def race(contenders, rounds):
    """Median seconds and MB of each contender: {name: (command, every)}; every=5 runs in each fifth round only."""
    found = {name: [] for name in contenders}
    for turn in range(-1, rounds):  # the first turn warms up
        for name, (command, every) in contenders.items():
            if turn % every == 0 or turn < 0:
                result = launch(command)
                if turn >= 0:
                    found[name].append(result)
    return {n: tuple(statistics.median(c) for c in zip(*runs)) for n, runs in found.items() if runs}


def with_musl(command):
    """The same run for each of our binaries."""
    return {name: ([binary, *command], 1) for name, binary in ((OURS, BINARY), (OURS_MUSL, MUSL)) if binary}


def add(what, unit, results, bars=(), also=None, chart=False):
    """A figure, from {contender: value}. A bar is (text, whether it holds), or None where there is nothing to compare with."""
    results = {name: round(value, 6) for name, value in results.items()}
    figure = {"what": what, "unit": unit, "value": results.pop(OURS)}
    if OURS_MUSL in results:
        figure["musl"] = results.pop(OURS_MUSL)
    figure["peers"] = results
    if also:
        figure["also"] = also
    if chart:
        figure["chart"] = True
    figure["bars"] = dict(bar for bar in bars if bar)
    figures.append(figure)


def at_most(results, most, of, who=OURS):
    if who in results and of in results:
        return (f"{who} ≤ {most} × {of}" if who != OURS else f"≤ {most} × {of}"), results[who] <= most * results[of]


def at_least(results, least, of):
    return (f"≥ {least} × {of}", results[OURS] >= least * results[of]) if of in results else None


def start_nginx(nginx, openssl):
    ports = []
    for _ in range(2):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        ports.append((s, s.getsockname()[1]))
    plain, tls = (port for _, port in ports)
    for s, _ in ports:
        s.close()
    secure = ""
    if openssl:
        sh = f"""{openssl} req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=bench-ca 2>&1 &&
{openssl} req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=localhost 2>&1 &&
printf 'subjectAltName=DNS:localhost\\n' > ext &&
{openssl} x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out tls.pem 2>&1"""
        if run(["sh", "-c", sh]).returncode:
            sys.exit("bench: openssl could not make a certificate")
        secure = f"server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {work('tls.pem')}; " \
                 f"ssl_certificate_key {work('tls.key')}; include {work('location')}; }}"
    open(work("location"), "w").write("location / { default_type application/json; return 200 '{\"ok\":true}'; }\n")
    open(work("nginx.conf"), "w").write(f"""
worker_processes 1; daemon off; pid {work('nginx.pid')}; error_log {work('nginx.log')};
events {{ worker_connections 64; }}
http {{ access_log off; keepalive_requests 1000000000; client_max_body_size 0; client_body_temp_path {work('body')};
server {{ listen 127.0.0.1:{plain}; include {work('location')}; }} {secure} }}
""")
    server = subprocess.Popen([nginx, "-p", DIR, "-c", work("nginx.conf")], stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: os.sched_setaffinity(0, SERVER))
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", plain), 0.1).close()
            return server, plain, tls
        except OSError:
            time.sleep(0.02)
    sys.exit("bench: nginx does not start: see " + work("nginx.log"))


def bundle():
    """The system's certificates and ours in one file."""
    for path in ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]:
        if os.path.exists(path):
            text = open(path).read() + "\n" + open(work("ca.pem")).read()
            open(work("bundle.pem"), "w").write(text)
            return text.count("BEGIN CERTIFICATE")
    left_out.append("https (no bundle of certificates on this system)")
    return 0


def curl(scheme, url):
    trust = ["--cacert", work("bundle.pem")] if scheme == "https" else []
    headers = ["-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json", "-H", "Accept: application/json"]
    return [CURL, "-sS", *trust, *headers, "-d", BODY, url]


def one_post(scheme, url, trusted=""):
    contenders = with_musl([url, "key1=value1", "key2=value2"])
    if scheme == "http":
        contenders |= {name: ([floor, str(PORT)], 1) for name, floor in FLOORS.items()}
    if CURL:
        contenders["curl"] = (curl(scheme, url), 1)
    if XH:
        verify = ["--verify", work("bundle.pem")] if scheme == "https" else []
        contenders["xh"] = ([XH, "--ignore-stdin", *verify, "-A", "bearer", "-a", TOKEN, "POST", url, "key1=value1", "key2=value2"], 1)
    if REQUESTS:
        open(work("one.py"), "w").write(
            "import requests, sys\n"
            f"r = requests.post(sys.argv[1], json={BODY}, headers={{'Authorization': 'Bearer {TOKEN}'}})\n"
            "r.raise_for_status(); print(r.json())\n")
        contenders["Python"] = ([sys.executable, work("one.py"), url], 5)
    results = race(contenders, 20 if QUICK else 100)
    times = {name: seconds * 1000 for name, (seconds, _) in results.items()}
    own = FLOOR if LIBC == "glibc" else FLOOR_MUSL
    add(f"one POST, {scheme}, whole process{trusted}", "ms", times, chart=True, bars=[
        at_most(times, 0.35 if scheme == "http" else 0.09, "curl"), at_most(times, 2, own),
        at_most(times, 0.7, FLOOR, OURS_MUSL if LIBC == "glibc" else OURS)])
    memory = {name: mb for name, (_, mb) in results.items()}
    if scheme == "http":
        add("peak memory of one POST", "MB", memory, chart=True, bars=[("≤ 3.5 MB", memory[OURS] <= 3.5)])


def instructions(scheme, url):
    """Of one POST by callgrind. Ours over http are counted without the answer's further headers, see counts.py."""
    if not shutil.which("valgrind"):
        return
    contenders = {FLOOR: [work("floor"), str(PORT)]} if scheme == "http" else {n: c for n, (c, _) in with_musl([url, "key1=value1", "key2=value2"]).items()}
    if CURL:
        contenders["curl"] = curl(scheme, url)
    found = {}
    if scheme == "http":
        found = {name: COUNTS[libc]["instructions of one http POST"] / 1e6
                 for name, libc in ((OURS, LIBC), (OURS_MUSL, "musl")) if libc in COUNTS and (name == OURS or MUSL)}
    for name, command in contenders.items():
        said = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]).stderr
        found[name] = int(re.search(r"Collected : (\d+)", said).group(1)) / 1e6
    bars = [("≤ 5.2 million", found[OURS] <= 5.2)] if scheme == "https" else []
    add(f"instructions of one {scheme} POST", "million", found, bars=bars)


def size():
    sizes = {name: os.path.getsize(binary) / 1e6 for name, binary in ((OURS, BINARY), (OURS_MUSL, MUSL)) if binary}
    add("size of the static binary", "MB", sizes)


def hold_counts():
    """The bars of the counts, with each C library."""
    for what, bars in counts.BARS.items():
        for libc, most in bars.items():
            if libc in COUNTS:
                yield f"{what}, {libc} ≤ {most:,}", COUNTS[libc][what] <= most


def lines_of(name, count):
    with open(work(name), "w") as file:
        file.writelines(LINE % n for n in range(count))
    return name


def kept_connection(url):
    count = 2_000 if QUICK else 10_000
    name = lines_of("lines", count)
    contenders = {OURS: [BINARY, "-q", "--lines", name, url]}
    if CURL:
        transfers = []
        for line in open(work(name)):
            data = line.strip().replace('"', '\\"')
            transfers.append(f'url = "{url}"\nheader = "Authorization: Bearer {TOKEN}"\n'
                             f'header = "Content-Type: application/json"\ndata = "{data}"\noutput = "/dev/null"\n')
        with open(work("curl.conf"), "w") as file:
            file.write("next\n".join(transfers))
        contenders["curl -K"] = [CURL, "-sS", "-K", "curl.conf"]
    if REQUESTS:
        open(work("session.py"), "w").write(
            "import json, requests, sys\ns = requests.Session()\n"
            f"s.headers['Authorization'] = 'Bearer {TOKEN}'\n"
            "for line in open(sys.argv[1]):\n    s.post(sys.argv[2], json=json.loads(line)).raise_for_status()\n")
        lines_of("fewer", count // 5)
        contenders["Python"] = [sys.executable, work("session.py"), "fewer", url]
    if WRK:
        open(work("wrk.lua"), "w").write(
            f"wrk.method='POST'\nwrk.headers['Authorization']='Bearer {TOKEN}'\n"
            f"wrk.headers['Content-Type']='application/json'\nwrk.body='{(LINE % 12345).strip()}'\n")
        contenders["wrk"] = [WRK, "-c1", "-t1", "-d1", "-s", "wrk.lua", url]
    for where, cores in ("server on a core of its own", CLIENT), ("server and client on one core", SERVER):
        found = {contender: [] for contender in contenders}
        for _ in range(3 if QUICK else 7):
            for contender, command in contenders.items():
                if command[0] == WRK:
                    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", run(command, cores).stdout).group(1))
                else:
                    rate = (count // 5 if "fewer" in command else count) / launch(command, cores)[0]
                found[contender].append(rate)
        rates = {contender: statistics.median(found[contender]) for contender in found}
        # On one core nobody waits for a wake-up, so there is no bar to hold.
        bars = [at_least(rates, least, of) for of, least in (("curl -K", 1.3), ("Python", 8), ("wrk", 0.9)) if cores is CLIENT]
        add(f"lines over one connection, {where}", "/s", rates, bars=bars, chart=True)


def groups(url):
    count = 200_000 if QUICK else 2_000_000
    name = lines_of("many", count)
    runs = race(with_musl(["-q", "--lines", name, "--group", "500", url]), 3)
    rates = {contender: count / seconds for contender, (seconds, _) in runs.items()}
    memory = max(mb for _, mb in runs.values())
    least = {OURS: 2_000_000 if LIBC == "glibc" else 1_500_000, OURS_MUSL: 1_500_000}
    add("lines with `--group 500`", "/s", rates, also={"MB": round(memory, 3)},
        bars=[(f"{contender} ≥ {least[contender]:,}/s", rate >= least[contender]) for contender, rate in rates.items()]
        + [("≤ 12 MB", memory <= 12)])
    os.unlink(work("many"))


def large(url):
    size = (256 << 20) if QUICK else (2 << 30)
    if shutil.disk_usage(DIR).free < 2 * size:
        left_out.append("the 2 GiB documents (no room on this disk)")
        return
    records, string = ("," + LINE.strip() % 7) * 10_000, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY" * 100_000
    for content, start, piece, end in ("log records", "[1", records, "]"), ("one string", '"', string, '"'):
        with open(work("large"), "w") as file:
            file.write(start)
            for _ in range(size // len(piece)):
                file.write(piece)
            file.write(end)
        contenders = {OURS: ([BINARY, "-q", "--timeout", "10m", "--data", "@large", url], 1)}
        if CURL:
            contenders["curl -T, unchecked"] = ([CURL, "-sS", "-X", "POST", "-H", "Expect:", "-T", "large", url], 1)
        results = race(contenders, 5)
        memory = results[OURS][1]
        times = {name: seconds for name, (seconds, _) in results.items()}
        add(f"`-d @FILE` of {os.path.getsize(work('large')) / (1 << 30):.2g} GiB, {content}, checked and streamed", "s", times,
            also={"MB": round(memory, 3)}, bars=[("≤ 12 MB", memory <= 12), at_most(times, 2.5, "curl -T, unchecked")])
        os.unlink(work("large"))


def spool(url):
    os.mkdir(work("spool"), 0o700)
    plain = [BINARY, "-q", url, "key1=value1"]
    results = race({OURS: ([*plain, "--spool", work("spool")], 1), "without it": (plain, 1)}, 20 if QUICK else 50)
    syncs = COUNTS.get(LIBC, {}).get("syncs of a document through the spool")
    add("spool: accept and deliver", "ms", {n: s * 1000 for n, (s, _) in results.items()},
        also={"syncs": syncs} if syncs is not None else None)
    # Into a directory of its own: ext4 is slow to make files where many were removed a moment ago.
    name, closed = lines_of("lines", 10_000), socket.socket()
    closed.bind(("127.0.0.1", 0))
    seconds, _ = launch([BINARY, "-q", "--lines", name, "--spool", work("down"), f"http://127.0.0.1:{closed.getsockname()[1]}/"])
    closed.close()
    add("10,000 lines into a spool while the API is down, its four attempts included", "s", {OURS: seconds},
        bars=[("< 10 s", seconds < 10)])


def version(command, pattern=r"\d+(\.\d+)+"):
    said = subprocess.run(command, capture_output=True, text=True)
    found = re.search(pattern, said.stdout + said.stderr)
    return found.group() if found else "?"


def versions():
    found = {OURS: version([BINARY, "-V"]), "rustc": version(["rustc", "-V"])}
    if LIBC == "glibc":
        found["glibc"] = version(["getconf", "GNU_LIBC_VERSION"])
    for name, path, option in ("curl", CURL, "-V"), ("xh", XH, "-V"), ("nginx", NGINX, "-v"), ("wrk", WRK, "-v"):
        if path:
            found[name] = version([path, option])
    if REQUESTS:
        found["Python"] = version([sys.executable, "-V"])
        found["requests"] = version([sys.executable, "-c", "import requests; print(requests.__version__)"])
    return found


def musl_binary():
    """A binary linked with musl that is not older than the sources."""
    if "MUSL_BINARY" in os.environ:
        return os.path.abspath(os.environ["MUSL_BINARY"])
    sources = max(map(os.path.getmtime, glob.glob(f"{ROOT}/src/**/*.rs", recursive=True)))
    for tree in "target", "target/cross/src/target":
        path = os.path.abspath(f"{ROOT}/{tree}/x86_64-unknown-linux-musl/release/authpost")
        if os.path.exists(path) and os.path.getmtime(path) > sources and path != BINARY:
            return path
    left_out.append("a binary with musl (tests/cross/build.sh target/cross x86_64-unknown-linux-musl makes one)")
    return None


def build(compiler, program, name):
    subprocess.run([compiler, "-O2", "-static", "-o", work("linked"), f"{HERE}/{program}.c"], check=True)
    return installed(work("linked"), name)


def installed(binary, name):
    return shutil.copy(binary, work(name))


def finish():
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown CPU")
    found = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} × {cpu}, Linux {os.uname().release.split('-')[0]}",
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(),
        "figures": figures,
        "counts": COUNTS,
    }
    print(render.table(found))
    for bar, holds in hold_counts():
        print(f"\n{'holds' if holds else '**does not hold**'}: {bar}", end="")
    print(f"\n\n{render.measured(found)} Load {found['load']}. {OURS} stands on {LIBC}.")
    print("Left out: " + (", ".join(left_out) or "nothing") + ".")
    if not QUICK:
        with open(FIGURES, "w") as file:
            file.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        render.render(found)


if "--render" in OPTIONS:
    render.render(json.load(open(FIGURES)))
    sys.exit()
if not BINARY:
    sys.exit(__doc__)
DIR = tempfile.mkdtemp(prefix="authpost-bench-")
ENV = {"PATH": os.environ.get("PATH", ""), "HOME": DIR, "LC_ALL": "C.UTF-8", "AUTHPOST_TOKEN": TOKEN}
server = None
try:
    cc = tool("cc") or sys.exit("bench: a C compiler is needed")
    LAUNCH = build(cc, "launch", "launch")
    if "--check" in OPTIONS:
        if not tool("valgrind") or not tool("strace"):
            sys.exit("bench: valgrind and strace are needed")
        sys.exit(counts.check(BINARY, LAUNCH, json.load(open(FIGURES))))
    NGINX = tool("nginx") or sys.exit("bench: nginx is needed")
    OPENSSL, CURL, XH, WRK = tool("openssl"), tool("curl"), tool("xh"), tool("wrk")
    REQUESTS = subprocess.run([sys.executable, "-c", "import requests"], capture_output=True).returncode == 0
    if not REQUESTS:
        left_out.append("Python's requests (not installed)")
    LIBC = counts.library(BINARY)
    MUSL = musl_binary() if LIBC == "glibc" else None
    BINARY, MUSL = installed(BINARY, "authpost"), MUSL and installed(MUSL, "authpost-musl")
    FLOORS = {FLOOR: build(cc, "floor", "floor")}
    if musl_gcc := tool("musl-gcc"):
        FLOORS[FLOOR_MUSL] = build(musl_gcc, "floor", "floor-musl")
    COUNTS = {}
    if tool("valgrind") and tool("strace"):
        COUNTS = {counts.library(binary): counts.measure(binary, LAUNCH) for binary in (BINARY, MUSL) if binary}
    server, PORT, TLS_PORT = start_nginx(NGINX, OPENSSL)
    URL = f"http://127.0.0.1:{PORT}/data"
    one_post("http", URL)
    trusted = bundle() if OPENSSL else 0
    if trusted:
        ENV["SSL_CERT_FILE"] = ENV["REQUESTS_CA_BUNDLE"] = work("bundle.pem")
        secure = f"https://localhost:{TLS_PORT}/data"
        one_post("https", secure, f", with {trusted} CA certificates")
    if COUNTS:
        instructions("http", URL)
        if trusted:
            instructions("https", secure)
    size()
    kept_connection(URL)
    groups(URL)
    large(URL)
    spool(URL)
    finish()
finally:
    if server:
        server.terminate()
        server.wait()
    shutil.rmtree(DIR, ignore_errors=True)
