#!/usr/bin/env python3
"""make bench: every figure of the README side by side, in one run on this machine, all of it on loopback.

Contenders take turns, so that what else the machine does befalls them alike; times are medians. Server and contenders
have cores of their own: left to the scheduler, who shares a core with whom would decide. What is not installed is left
out, and said. Prints a Markdown table, and draws figures.svg beside this file.
usage: bench.py BINARY [--quick]"""
import json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.path.abspath(sys.argv[1])
QUICK = "--quick" in sys.argv
TOKEN = "t0ken"
BODY = '{"key1":"value1","key2":"value2"}'
# An event of a log, as many are sent that way.
LINE = ('{"id":%d,"time":"2026-11-20T03:00:00.123Z","level":"info","host":"web1.example.com",'
        '"message":"GET /api/v1/orders/12345 answered 200 after 12.5 ms","user":{"id":12345,"name":"Ada Lovelace"},'
        '"latency":12.5,"tags":["http","orders"]}\n')
CORES = sorted(os.sched_getaffinity(0))
SERVER, CLIENT = {CORES[0]}, set(CORES[1:]) or {CORES[0]}
left_out, rows, charts = [], [], []


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


def row(what, ours, others, bar, holds):
    rows.append((what, ours, others, bar, {True: "yes", False: "**no**", None: "–"}[holds]))


def against(results, unit, scale=1, digits=2):
    """The others of a race in words, each with how much of it ours is."""
    ours = results["authpost"]
    return ", ".join(f"{n} {v * scale:.{digits}f}{unit} ({ours / v:.2f})" for n, v in results.items() if n != "authpost")


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


def one_post(scheme, url, floor):
    headers = ["-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json", "-H", "Accept: application/json"]
    trust = ["--cacert", work("bundle.pem")] if scheme == "https" else []
    contenders = {"authpost": ([BINARY, url, "key1=value1", "key2=value2"], 1)}
    if floor:
        contenders["C floor"] = ([work("floor"), str(PORT)], 1)
    if CURL:
        contenders["curl"] = ([CURL, "-sS", *trust, *headers, "-d", BODY, url], 1)
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
    times = {name: seconds for name, (seconds, _) in results.items()}
    ours = times["authpost"]
    bars, holds = [], []
    for name, most in [("curl", 0.35 if scheme == "http" else 0.15), ("C floor", 2)]:
        if name in times:
            bars.append(f"≤ {most} × {name}")
            holds.append(ours <= most * times[name])
    row(f"one POST, {scheme}, whole process, wall" + (f" ({COUNT} trusted certificates)" if trust else ""),
        f"{ours * 1000:.2f} ms", against(times, " ms", 1000), ", ".join(bars), all(holds) if holds else None)
    # Python's bar would leave none of the others to be seen.
    charts.append((f"one POST, {scheme}, ms", {n: v * 1000 for n, v in times.items() if n != "Python"}, "{:.1f}"))
    if scheme == "http":
        memory = {name: mb for name, (_, mb) in results.items()}
        row("peak memory of one POST", f"{memory['authpost']:.1f} MB", against(memory, " MB", 1, 1), "≤ 3.5 MB", memory["authpost"] <= 3.5)
        charts.append(("peak memory of one POST, MB", memory, "{:.1f}"))
    return contenders


def instructions(contenders):
    if not tool("valgrind"):
        return
    found = {}
    for name, (command, _) in contenders.items():
        if name in ("authpost", "C floor", "curl"):
            out = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]).stderr
            found[name] = int(re.search(r"Collected : (\d+)", out).group(1)) / 1e6
    row("instructions of one plain POST (callgrind)", f"{found['authpost']:.2f} million",
        against(found, " million"), "≤ 1.0 million", found["authpost"] <= 1)


def binary():
    size = os.path.getsize(BINARY) / 1e6
    linked = run([BINARY, "-V"]).stdout.strip().replace("\n", "; ")
    other = "musl: its target is not installed"
    musl = os.path.join(HERE, "../../target/x86_64-unknown-linux-musl/release/authpost")
    if os.path.exists(musl):
        other = f"musl: {os.path.getsize(musl) / 1e6:.2f} MB"
    row("binary, everything linked in", f"{size:.2f} MB", f"{other} ({linked})", "≤ 2.9 MB", size <= 2.9)


def lines_of(name, count):
    with open(work(name), "w") as file:
        file.writelines(LINE % n for n in range(count))
    return name


def kept_connection(url):
    count = 2_000 if QUICK else 10_000
    name = lines_of("lines", count)
    contenders = {"authpost": [BINARY, "-q", "--lines", name, url]}
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
        contenders["Python Session"] = [sys.executable, work("session.py"), "fewer", url]
    if WRK:
        open(work("wrk.lua"), "w").write(
            f"wrk.method='POST'\nwrk.headers['Authorization']='Bearer {TOKEN}'\n"
            f"wrk.headers['Content-Type']='application/json'\nwrk.body='{(LINE % 12345).strip()}'\n")
        contenders["wrk -c1 -t1"] = [WRK, "-c1", "-t1", "-d1", "-s", "wrk.lua", url]
    for where, cores in ("a core each for server and client", CLIENT), ("both on one core", SERVER):
        found = {contender: [] for contender in contenders}
        for _ in range(3 if QUICK else 7):
            for contender, command in contenders.items():
                if command[0] == WRK:
                    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", run(command, cores).stdout).group(1))
                else:
                    rate = (count // 5 if "fewer" in command else count) / launch(command, cores)[0]
                found[contender].append(rate)
        rates = {contender: statistics.median(found[contender]) for contender in found}
        bars, holds = [], []
        for contender, least in [("curl -K", 1.3), ("Python Session", 8), ("wrk -c1 -t1", 0.9)]:
            # On one core nobody waits for a wake-up, so there is no bar to hold.
            if contender in rates and cores is CLIENT:
                bars.append(f"≥ {least} × {contender}")
                holds.append(rates["authpost"] >= least * rates[contender])
        row(f"lines, one POST each, kept connection, {where}", f"{rates['authpost']:,.0f}/s", against(rates, "/s", 1, 0),
            ", ".join(bars) or "–", all(holds) if holds else None)
        charts.append((f"lines a second, {where}", rates, "{:,.0f}"))


def groups(url):
    count = 200_000 if QUICK else 2_000_000
    name = lines_of("many", count)
    runs = [launch([BINARY, "-q", "--lines", name, "--group", "500", url]) for _ in range(3)]
    rate = statistics.median(count / seconds for seconds, _ in runs)
    memory = max(mb for _, mb in runs)
    row("lines with --group 500", f"{rate:,.0f}/s, {memory:.1f} MB", "", "≥ 500,000/s, ≤ 12 MB", rate >= 500_000 and memory <= 12)
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
        contenders = {"authpost": ([BINARY, "-q", "--timeout", "10m", "--data", "@large", url], 1)}
        if CURL:
            contenders["curl -T"] = ([CURL, "-sS", "-X", "POST", "-H", "Expect:", "-T", "large", url], 1)
        results = race(contenders, 5)
        seconds, memory = results["authpost"]
        holds = memory <= 12 and ("curl -T" not in results or seconds <= 2.5 * results["curl -T"][0])
        row(f"a {os.path.getsize(work('large')) / (1 << 30):.2g} GiB --data @FILE of {content}, checked and streamed",
            f"{seconds:.2f} s, {memory:.1f} MB", against({n: s for n, (s, _) in results.items()}, " s"),
            "≤ 12 MB, ≤ 2.5 × curl -T (which checks nothing)", holds)
        os.unlink(work("large"))


def spool(url):
    if "--spool" not in run([BINARY, "--help"]).stdout:
        left_out.append("the spool (this binary has none)")
        return
    os.mkdir(work("spool"), 0o700)
    plain = [BINARY, "-q", url, "key1=value1"]
    spooled = plain + ["--spool", work("spool")]
    results = race({"authpost": (spooled, 1), "without a spool": (plain, 1)}, 20 if QUICK else 50)
    syncs = "?"
    if tool("strace"):
        out = run(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", *spooled]).stderr
        syncs = len(re.findall(r"f(?:data)?sync\(", out))
    row("spool: accept and deliver one", f"{results['authpost'][0] * 1000:.2f} ms, {syncs} fsyncs",
        against({n: s for n, (s, _) in results.items()}, " ms", 1000), "≤ 4 fsyncs", None if syncs == "?" else syncs <= 4)


def draw(path):
    """Horizontal bars, a block for each chart; authpost's are dark."""
    width, left, y, parts = 640, 130, 8, []
    for title, values, form in charts:
        y += 14
        parts.append(f'<text x="0" y="{y}" font-weight="bold">{title}</text>')
        most = max(values.values())
        for name, value in values.items():
            y += 20
            length = max(1, (width - left - 80) * value / most)
            colour = "#1f6feb" if name == "authpost" else "#9aa4b2"
            parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{name}</text>'
                         f'<rect x="{left}" y="{y - 11}" width="{length:.1f}" height="14" fill="{colour}"/>'
                         f'<text x="{left + length + 6:.1f}" y="{y}">{form.format(value)}</text>')
        y += 16
    open(path, "w").write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" '
        'font-family="sans-serif" font-size="12" fill="#57606a">\n' + "\n".join(parts) + "\n</svg>\n")


DIR = tempfile.mkdtemp(prefix="authpost-bench-")
ENV = {"PATH": os.environ.get("PATH", ""), "HOME": DIR, "LC_ALL": "C.UTF-8", "AUTHPOST_TOKEN": TOKEN}
nginx, cc = tool("nginx"), tool("cc")
if not nginx or not cc:
    sys.exit("bench: nginx and a C compiler are needed")
OPENSSL, CURL, XH, WRK = tool("openssl"), tool("curl"), tool("xh"), tool("wrk")
REQUESTS = subprocess.run([sys.executable, "-c", "import requests"], capture_output=True).returncode == 0
if not REQUESTS:
    left_out.append("Python's requests (not installed)")
LAUNCH = work("launch")
for program in "launch", "floor":
    subprocess.run([cc, "-O2", "-static", "-o", work(program), f"{HERE}/{program}.c"], check=True)
server = None
try:
    server, PORT, TLS_PORT = start_nginx(nginx, OPENSSL)
    URL = f"http://127.0.0.1:{PORT}/data"
    contenders = one_post("http", URL, True)
    COUNT = bundle() if OPENSSL else 0
    if COUNT:
        ENV["SSL_CERT_FILE"] = ENV["REQUESTS_CA_BUNDLE"] = work("bundle.pem")
        one_post("https", f"https://localhost:{TLS_PORT}/data", False)
    instructions(contenders)
    binary()
    kept_connection(URL)
    groups(URL)
    large(URL)
    spool(URL)
finally:
    if server:
        server.terminate()
        server.wait()
    shutil.rmtree(DIR, ignore_errors=True)
print("| what | authpost | beside it (ratio) | bar | holds |\n|---|---|---|---|---|")
for cells in rows:
    print("| " + " | ".join(cells) + " |")
cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown CPU")
print(f"\nMeasured on {os.cpu_count()} × {cpu}, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}; "
      f"medians of runs that took turns, all on loopback.")
print("Left out: " + (", ".join(left_out) or "nothing") + ".")
draw(f"{HERE}/figures.svg")
