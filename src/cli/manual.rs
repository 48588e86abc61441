//! The texts that only the manual pages have: complete examples, and how a spool works. No roff; that is in
//! [`man`](super::man).
//!
//! Empty lines separate paragraphs; one that begins with a space is shown unchanged.

/// The date of the last change to the pages, which man(7) requires. From a release on, the date of the release.
pub(super) const DATE: &str = "2026-11-21";

/// The description of the page beside its name.
pub(super) const SPOOL_NAME: &str = "keep JSON documents on disk until an API accepts them";

/// Complete tasks, each with a heading.
pub(super) const JOBS: &[(&str, &str)] = &[
    (
        "From cron",
        "-q prints nothing on success but warnings (see --quiet), so cron sends mail only when a person has to act. \
         Without a mail server cron discards it: append '2>&1 | logger -t authpost' to the command. The run ends within a minute, whatever the network does \
         (--timeout). In a crontab, a bare % ends the command: write \\%.\n\n    \
         PATH=/usr/local/bin:/usr/bin:/bin\n    \
         API=https://api.example.com/data\n    \
         # m h dom mon dow  command\n    \
         17 3 * * *  authpost -q --token-file ~/.api-token \"$API\" host=web1\n\n\
         With --lock FILE, a run exits at once if a previous run is still running. With --splay 5m, it first sleeps a \
         random time of up to 5 minutes. 'authpost check' with the same arguments tests the setup, and sends neither the document nor the token.",
    ),
    (
        "From systemd",
        "The token is in a file that belongs to root, mode 0600; systemd passes it to this service only. The service is \
         restarted after TEMPFAIL (75) only: nothing was sent, so a retry is safe. It needs systemd 247 or later. \
         /etc/systemd/system/report.service:\n\n    \
         [Unit]\n    \
         Description=Send the daily report\n    \
         Wants=network-online.target\n    \
         After=network-online.target\n\n    \
         [Service]\n    \
         Type=oneshot\n    \
         DynamicUser=yes\n    \
         LoadCredential=api-token:/etc/report/api-token\n    \
         LoadCredential=report.json:/var/lib/report/report.json\n    \
         ExecStart=authpost -q \\\n    \
         \x20   --token-file ${CREDENTIALS_DIRECTORY}/api-token \\\n    \
         \x20   -d @${CREDENTIALS_DIRECTORY}/report.json \\\n    \
         \x20   https://api.example.com/data\n    \
         Restart=on-failure\n    \
         RestartSec=5min\n    \
         RestartPreventExitStatus=USAGE DATAERR NOINPUT UNAVAILABLE SOFTWARE \\\n    \
         \x20   CANTCREAT IOERR PROTOCOL NOPERM CONFIG\n    \
         RestartPreventExitStatus=SIGHUP SIGINT SIGTERM SIGKILL SIGABRT SIGBUS \\\n    \
         \x20   SIGSEGV\n\n\
         /etc/systemd/system/report.timer, started by 'systemctl enable --now report.timer':\n\n    \
         [Timer]\n    \
         OnCalendar=daily\n    \
         RandomizedDelaySec=15min\n    \
         Persistent=true\n\n    \
         [Install]\n    \
         WantedBy=timers.target",
    ),
    (
        "To a webhook",
        "Whoever knows the URL of a webhook (Slack, Discord, Teams) can post to it, and every user of the machine can \
         read command lines. So the URL is in a file, mode 0600. Paste it, then press \
         Enter and Ctrl-D:\n\n    \
         (umask 077; cat >~/.slack-webhook)\n    \
         authpost --url-file ~/.slack-webhook text=hello\n\n\
         Output, reports and messages in a spool show the URL as https://hooks.slack.com/…. With --spool, the file \
         must still be there when the spool is flushed.",
    ),
    (
        "With a token from OAuth2",
        "oauth2.json and the file with the client's secret, reports.secret, are in the same directory, both with mode \
         0600:\n\n    \
         { \"token_url\": \"https://login.example.com/oauth2/token\",\n    \
         \x20 \"client_id\": \"reports\",\n    \
         \x20 \"client_secret_file\": \"reports.secret\",\n    \
         \x20 \"scope\": \"data:write\" }\n\n    \
         authpost --oauth2-file oauth2.json https://api.example.com/data n:=1",
    ),
    (
        "Many documents",
        "Each line of the file is a document. Those that are not accepted are appended to failed.ndjson. If the API fails, \
         the run stops and prints the --skip option that continues from there.\n\n    \
         authpost --token-file ~/.api-token --lines events.ndjson \\\n    \
         \x20   --failed failed.ndjson https://api.example.com/data\n\n\
         With --resume, a run continues after the last line that was sent, even if the run before was killed. So cron can \
         send a file that grows:\n\n    \
         authpost -q --token-file ~/.api-token --lines events.ndjson \\\n    \
         \x20   --resume events.resume https://api.example.com/data\n\n\
         One process uses one connection. To use more cores or hosts, run several:\n\n    \
         parallel --pipe --block 10M authpost -q --lines - \\\n    \
         \x20   --token-file ~/.api-token https://api.example.com/data \\\n    \
         \x20   < events.ndjson",
    ),
    (
        "Bulk APIs",
        "Such an API answers 200 even if it refused some lines, so --expect looks into the answer. Elasticsearch and \
         OpenSearch expect an action line before each document. A group must not split such a pair: so --group is an \
         even number here, and --group-bytes is large:\n\n    \
         authpost --lines bulk.ndjson --group 1000 --group-format ndjson \\\n    \
         \x20   --group-bytes 64M --expect /errors:=false \\\n    \
         \x20   --auth-scheme ApiKey --token-file ~/.es-key \\\n    \
         \x20   https://es.example.com:9200/logs/_bulk\n\n\
         VictoriaLogs takes the same lines:\n\n    \
         authpost --lines bulk.ndjson --group 1000 --group-format ndjson \\\n    \
         \x20   --group-bytes 64M --expect /errors:=false --no-auth \\\n    \
         \x20   http://localhost:9428/insert/elasticsearch/_bulk\n\n\
         The HTTP Event Collector of Splunk takes one event per line:\n\n    \
         authpost --lines events.ndjson --group 500 --group-format ndjson \\\n    \
         \x20   --expect /code:=0 --auth-scheme Splunk --token-file ~/.hec-token \\\n    \
         \x20   https://splunk.example.com:8088/services/collector/event",
    ),
    (
        "With a self-signed certificate",
        "A server's self-signed certificate works with --cacert unless it is marked as that of a CA (CA:TRUE). The \
         TLS library never accepts such a certificate as a server's, and 'openssl req -x509' makes such a one by default. \
         This makes one that works:\n\n    \
         openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem \\\n    \
         \x20   -out cert.pem -days 825 -subj /CN=api.example.com \\\n    \
         \x20   -addext subjectAltName=DNS:api.example.com \\\n    \
         \x20   -addext basicConstraints=critical,CA:FALSE",
    ),
    (
        "When the API is down",
        "A spool keeps the document until the API accepts it; see authpost-spool(7), which 'authpost --man=spool' prints.",
    ),
    (
        "Act on the exit code",
        "In a shell script:\n\n    \
         authpost -q --token-file ~/.api-token \"$API\" host=web1\n    \
         case $? in\n    \
         0) ;;                       # accepted\n    \
         69 | 75) exit 0 ;;          # temporary: try at the next run\n    \
         74) echo 'check the API' ;; # outcome unknown: it may have been processed\n    \
         *) exit 1 ;;                # something must be fixed\n    \
         esac",
    ),
];

/// What the last line of a failing run says: it follows the exit codes.
pub(super) const LAST_LINE: &str = "The last line on standard error of a run that fails has the exit code and its name, \
     what may be done with the document, and the time (UTC):\n\n    \
     authpost: exit 75 TEMPFAIL: nothing was sent, running it again is safe (2026-11-21T03:17:02Z)\n\n\
     It never says that nothing was sent if something may have been. If the API may have accepted the document, the line \
     includes the idempotency key; send the document again only under that key, and only if the API honours it \
     (--idempotent). There is one exception: 'authpost flush -q' and 'authpost retry -q' print nothing at all if the only \
     failure is that messages are still pending, because these are tried again.";

/// How a spool works, each part with a heading. The option --spool and the verbs are explained before it.
pub(super) const SPOOL: &[(&str, &str)] = &[
    (
        "Delivery",
        "'authpost flush' sends the pending messages that are due, each with its original idempotency key: \
         an id that is the same on every attempt, so that the API recognises a repeat.\n\n\
         Messages are kept in order for each target: a method and a URL. One run at a time sends to a target; another \
         run waits until its deadline, then leaves its document in the queue. If a target is not reached, answers 408, \
         425, 429, 502, 503 or 504, or refuses the token, its messages are due again after 1 minute. This backoff doubles \
         up to 1 hour. The first success delivers all that is pending.\n\n\
         A message that is refused, or whose outcome is unknown without --idempotent, is dead-lettered at once. With \
         --idempotent, one that is answered with a 5xx other than 502, 503 and 504 is dead-lettered after 3 attempts. After \
         10 attempts in at least 7 days, every message is, except while only the token or a local file is at fault. A \
         dead-lettered message does not block those behind it.\n\n\
         A message stores the path of its token file, never the token, so the file must exist when flush runs. A systemd \
         credential can be read only by the unit that loads it.",
    ),
    (
        "Guarantees",
        "Nothing that was stored in the spool is lost: the document and its directory are synced to disk before the first byte \
         is sent. Nothing is sent twice unless --idempotent allows it. A run that is killed, or a machine that loses power, \
         leaves a state from which the next run continues by itself. That was tested by killing 12,500 runs, failing single \
         system calls in 9,800, and cutting the power 4,700 times each on ext4, ext4 with data=writeback or fast_commit, \
         overlayfs, XFS and btrfs. A message that a restored backup leaves in two places \
         counts as one that the API may have accepted.\n\n\
         This does not hold on NFS, on a file system without a journal, or on a disk that reports a write as done before it \
         is.",
    ),
    (
        "Example: a daily report",
        "Create the directory once, for the user of the crontab:\n\n    \
         install -d -m 700 -o USER /var/spool/authpost\n\n\
         One line of the crontab sends a document through the spool, the other delivers what is pending:\n\n    \
         PATH=/usr/local/bin:/usr/bin:/bin\n    \
         API=https://api.example.com/data\n    \
         SPOOL=/var/spool/authpost\n    \
         # m h dom mon dow  command\n    \
         17 3 * * *   authpost -q --spool $SPOOL --token-file ~/.api-token $API n:=1\n    \
         */5 * * * *  authpost flush -q $SPOOL",
    ),
    (
        "Example: watch a spool with Prometheus",
        "These lines of the crontab write the metrics where the textfile collector of the node exporter reads them. The \
         directory is the one that its option --collector.textfile.directory names; the user of the crontab must be \
         allowed to write there.\n\n    \
         PROM=/var/lib/node_exporter/authpost.prom\n    \
         */5 * * * *  authpost list --metrics $SPOOL >$PROM.new && mv $PROM.new $PROM\n\n\
         This rule alerts when a message has been pending for a day, or when one is dead-lettered:\n\n    \
         groups:\n    \
         - name: authpost\n    \
         \x20 rules:\n    \
         \x20 - alert: AuthpostNotDelivered\n    \
         \x20   expr: >-\n    \
         \x20     authpost_spool_oldest_pending_age_seconds > 86400\n    \
         \x20     or authpost_spool_dead_lettered_messages > 0\n    \
         \x20   annotations:\n    \
         \x20     summary: 'Look with: authpost list {{ $labels.dir }}'",
    ),
    (
        "Example: review dead-lettered messages",
        "Show what is there and why, then send it again or delete it:\n\n    \
         authpost list /var/spool/authpost\n    \
         authpost show /var/spool/authpost ID\n    \
         authpost retry /var/spool/authpost ID\n    \
         authpost drop /var/spool/authpost ID\n\n\
         Before you retry a message whose outcome is unknown (74), ask the API whether it has the document.",
    ),
];
