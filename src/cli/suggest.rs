//! Suggestions for options of curl, HTTPie, xh and requests, and for misspellings.
//!
//! The tests include this file too and run each command as printed, so it uses nothing of the crate. No text here quotes
//! the command line, because what the user typed may be a token.

/// Words that users know from other programs.
pub(crate) struct Foreign {
    /// The words, each as typed, with blanks between them: each text of its own would be relocated at every start.
    words: &'static str,
    /// What authpost offers instead.
    pub(crate) why: &'static str,
    /// A command that works.
    pub(crate) command: &'static str,
}

impl Foreign {
    /// The words, each as typed.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.words.split(' ')
    }
}

/// The words, by subject. None is an option for sending.
pub(crate) const FOREIGN: &[Foreign] = &[
    Foreign {
        words: "POST PUT PATCH post put patch --request",
        why: "POST is the default, and -X takes another method",
        command: "authpost -X PUT https://api.example.com/data key=value",
    },
    Foreign {
        words: "GET HEAD DELETE OPTIONS get delete -G --get -I --head",
        why: "authpost sends a document by POST, PUT or PATCH; use curl for other methods",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "curl",
        why: "from-curl converts a curl command",
        command: "authpost from-curl curl --json '{\"key\":\"value\"}' https://api.example.com/data",
    },
    Foreign {
        words: "--url",
        why: "the URL needs no option",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "--params --query --url-query",
        why: "a query is a part of the URL",
        command: "authpost 'https://api.example.com/data?page=2' key=value",
    },
    Foreign {
        words: "--json -j --raw --data-raw --data-ascii",
        why: "items make JSON, and -d takes a whole document",
        command: "authpost -d '{\"key\":\"value\"}' https://api.example.com/data",
    },
    Foreign {
        words: "--data-binary --data-file --file --input -T --upload-file",
        why: "-d sends a file byte for byte",
        command: "authpost -d @document.json https://api.example.com/data",
    },
    Foreign {
        words: "-F --form --form-string --multipart --data-urlencode",
        why: "the document is always JSON, never a form; an item can hold the text of a file",
        command: "authpost https://api.example.com/data key=value notes=@notes.txt",
    },
    Foreign {
        words: "--token --bearer --oauth2-bearer",
        why: "every user of this machine can read a token on the command line, so give its file",
        command: "authpost --token-file ~/.api-token https://api.example.com/data key=value",
    },
    Foreign {
        words: "-u --user -a --auth --basic -n --netrc --password",
        why: "every user of this machine can read a password on the command line, so put user:password into a file",
        command: "authpost --auth-scheme Basic --token-file ~/.api-password https://api.example.com/data key=value",
    },
    Foreign {
        words: "--auth-type --digest --negotiate --ntlm --anyauth",
        why: "the scheme is a word before the token, Bearer unless told; Digest, Negotiate and NTLM are not supported",
        command: "authpost --auth-scheme Token --token-file ~/.api-token https://api.example.com/data key=value",
    },
    Foreign {
        words: "--api-key --apikey",
        why: "give the key as a file, and the header that carries it",
        command: "authpost --auth-header X-API-Key --token-file ~/.api-token https://api.example.com/data key=value",
    },
    Foreign {
        words: "-b --cookie -c --cookie-jar --session --session-read-only",
        why: "no cookies are kept; a Cookie header can come from a file",
        command: "authpost --header-file headers.txt https://api.example.com/data key=value",
    },
    Foreign {
        words: "-A --user-agent",
        why: "it is a header",
        command: "authpost -H 'User-Agent: backup/1.0' https://api.example.com/data key=value",
    },
    Foreign {
        words: "-e --referer",
        why: "it is a header",
        command: "authpost -H 'Referer: https://example.com/' https://api.example.com/data key=value",
    },
    Foreign {
        words: "--content-type",
        why: "it is a header, application/json unless told",
        command: "authpost -H 'Content-Type: application/vnd.api+json' https://api.example.com/data key=value",
    },
    Foreign {
        words: "-o --output -O --remote-name --download",
        why: "the answer goes to standard output",
        command: "authpost https://api.example.com/data key=value > answer.json",
    },
    Foreign {
        words: "-s --silent -S --show-error --no-progress-meter --progress-bar",
        why: "-q prints nothing but errors",
        command: "authpost -q https://api.example.com/data key=value",
    },
    Foreign {
        words: "--fail --fail-with-body --check-status",
        why: "it is the default to fail unless the status is 2xx",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "-f",
        why: "curl's -f is the default, and HTTPie's form is not supported",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "-i --include -D --dump-header --headers -p --print --meta --debug",
        why: "-v prints the headers to standard error",
        command: "authpost -v https://api.example.com/data key=value",
    },
    Foreign {
        words: "--trace --trace-ascii",
        why: "-v prints headers and attempts to standard error",
        command: "authpost -v https://api.example.com/data key=value 2> trace.txt",
    },
    Foreign {
        words: "--body",
        why: "standard output has the body only",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "--format --style",
        why: "--pretty indents the answer",
        command: "authpost --pretty https://api.example.com/data key=value",
    },
    Foreign {
        words: "-w --write-out",
        why: "--report prints status, time and answer as a line of JSON",
        command: "authpost --report https://api.example.com/data key=value",
    },
    Foreign {
        words: "--offline --curl",
        why: "--dry-run prints the request and does not send it",
        command: "authpost --dry-run https://api.example.com/data key=value",
    },
    Foreign {
        words: "-m",
        why: "--timeout is the deadline of a document, and --max-time that of the whole run",
        command: "authpost --timeout 30s https://api.example.com/data key=value",
    },
    Foreign {
        words: "--retry --retries",
        why: "failures that are safe to retry are retried until --timeout; --tries limits the attempts",
        command: "authpost --tries 5 https://api.example.com/data key=value",
    },
    Foreign {
        words: "--retry-delay",
        why: "--wait is the first backoff, and --max-wait the longest",
        command: "authpost --wait 2s https://api.example.com/data key=value",
    },
    Foreign {
        words: "--retry-max-time",
        why: "--timeout is the deadline of a document, retries included",
        command: "authpost --timeout 5m https://api.example.com/data key=value",
    },
    Foreign {
        words: "--retry-all-errors --retry-connrefused",
        why: "a refused connection is always retried; --idempotent also retries when the outcome is unknown",
        command: "authpost --idempotent https://api.example.com/data key=value",
    },
    Foreign {
        words: "-L --location --location-trusted --follow --max-redirs --allow-redirects",
        why: "redirects are never followed, because they can lead the token elsewhere; give the final URL",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "-k --verify --no-verify",
        why: "trust the API's own CA, or say --insecure if the token may be seen",
        command: "authpost --cacert ca.pem https://api.example.com/data key=value",
    },
    Foreign {
        words: "-E --cert-key",
        why: "--cert is the client certificate, and --key its private key",
        command: "authpost --cert client.pem --key client.key https://api.example.com/data key=value",
    },
    Foreign {
        words: "-x",
        why: "--proxy is the proxy, else HTTPS_PROXY",
        command: "authpost --proxy http://proxy.example.com:3128 https://api.example.com/data key=value",
    },
    Foreign {
        words: "--http1.0 --http1.1 --http2 --http3 --http-version",
        why: "every request is HTTP/1.1",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "--tlsv1.2 --tlsv1.3 --tls-max --ssl",
        why: "TLS is always 1.2 or 1.3",
        command: "authpost https://api.example.com/data key=value",
    },
    Foreign {
        words: "-K",
        why: "--config reads one argument per line",
        command: "authpost --config authpost.conf https://api.example.com/data key=value",
    },
    Foreign {
        words: "--ignore-stdin",
        why: "standard input is read only for -d @- and --lines -",
        command: "authpost https://api.example.com/data key=value",
    },
];

/// The hint for a word of another program.
pub(crate) fn foreign(word: &str) -> Option<String> {
    let row = row(word)?;
    Some(format!("{}: {}", row.why, row.command))
}

/// What authpost offers instead of a word of another program.
pub(crate) fn why(word: &str) -> Option<&'static str> {
    row(word).map(|row| row.why)
}

fn row(word: &str) -> Option<&'static Foreign> {
    FOREIGN.iter().find(|row| row.words().any(|it| it == word))
}

/// The candidate that `word` is most likely a misspelling of: it differs in one letter, or in two for a long word. Case
/// is ignored, and two swapped letters count as one difference.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: &mut dyn Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = match word.len() {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    };
    let word = word.to_ascii_lowercase();
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= most)
        .map(|candidate| (distance(word.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed, replaced or swapped with the next one (optimal string alignment distance).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, length) | (length, 0) => length,
                _ => {
                    let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut least = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    table[a.len()][b.len()]
}
