//! `authpost check`: everything that can be tested without sending the document or the token.
//!
//! Prints one line for each finding, in the order of a run, and exits with the code that a run would have. After a failure
//! it continues with what can be tested independently. The code that is tested is that of a run: the document is read, the
//! token fetched, the connection opened and secured; only the request is not sent.

use std::path::Path;

use crate::auth::oauth2::TokenExchange;
use crate::auth::{self, Credentials};
use crate::cli;
use crate::delivery::exit::{Exit, RunEnd};
use crate::document::ndjson::Next;
use crate::http::{Client, Phase, Probe, TrustOrigin};
use crate::output::{Mark, Report};
use crate::request::{Documents, Lines, Plan, SpoolPlan, TokenSource};
use crate::spool::Spool;
use crate::system::claim::Claim;
use crate::system::error::{Error, Kind, Result};
use crate::system::lock::Lock;
use crate::system::time::{self, Clock, Deadline, SystemClock};

/// Tests what `plan` describes. Returns the exit code that a run would have.
///
/// # Errors
/// If the findings cannot be printed.
pub(crate) fn run(plan: &Plan) -> Result<RunEnd> {
    let clock = &SystemClock::start();
    let report = Report::new(&plan.output);
    let mut findings = Findings { report, exit: None };
    let target = &plan.target;
    findings.ok(&format!("{} {}", target.method.as_str(), target.url))?;
    let has_others = target.auth.source != TokenSource::None || !target.header_files.is_empty();
    match target.url.file() {
        Some(file) => findings.ok(&format!(
            "the URL comes from the URL file '{}'",
            file.display()
        ))?,
        None if cli::is_secret_url(target.url.as_str(), !has_others) => findings.warning(
            "the URL looks like a secret, and is shown and kept in a spool like any other",
            "put it into a file, and give that with --url-file",
        )?,
        None => {}
    }
    if let Some(path) = &plan.run.lock {
        findings.of(Lock::take(path), |_| {
            format!("the lock '{}' is free", path.display())
        })?;
    }
    match &plan.documents {
        Documents::One(input) => {
            findings.of(super::read_document(input), |document| {
                match document.is_empty() {
                    true => "there is no document: the request has no body".to_owned(),
                    false => format!("the document is JSON, {} bytes", document.len()),
                }
            })?;
        }
        Documents::Lines(lines) => {
            findings.lines(plan, lines)?;
        }
    }
    if let Some(SpoolPlan { dir: path, .. }) = &plan.spool {
        let dir = path.display();
        findings.of(Spool::find(path, Kind::Output), |spool| match spool {
            Some(_) => format!("only this user can write to the spool '{dir}'"),
            None => format!("the spool '{dir}' will be created"),
        })?;
    }
    let deadline = Deadline::after(plan.limit(clock.elapsed()));
    let token_is_over = findings.token(plan, deadline, clock)?;
    let stopped = findings.exit.is_some();
    findings.connection(plan, deadline)?;
    if !stopped && plan.spool.is_some() && findings.exit == Some(Exit::TempFail) {
        findings.ok("the document would be stored in the spool until the API is reached")?;
        return Ok(Exit::Ok.into());
    }
    let exit = match (findings.exit, token_is_over) {
        (Some(exit), _) => exit,
        (None, true) => Exit::NoPerm,
        (None, false) => Exit::Ok,
    };
    Ok(RunEnd::new(exit, Claim::Nothing))
}

/// Prints the findings, and remembers the exit code.
struct Findings<'a> {
    report: Report<'a>,
    /// The exit code of a run, if it would fail: that of the first failure.
    exit: Option<Exit>,
}

impl Findings<'_> {
    fn ok(&self, text: &str) -> Result<()> {
        self.report.finding(Mark::Ok, text, None)
    }

    fn warning(&self, text: &str, remedy: &str) -> Result<()> {
        self.report.finding(Mark::Warning, text, Some(remedy))
    }

    fn failure(&mut self, text: &str, remedy: Option<&str>, exit: Exit) -> Result<()> {
        self.exit.get_or_insert(exit);
        self.report.finding(Mark::Failure, text, remedy)
    }

    /// Reports a step of the run; `ok` is its text if it succeeds.
    fn of<T>(&mut self, step: Result<T>, ok: impl FnOnce(&T) -> String) -> Result<Option<T>> {
        match step {
            Ok(value) => self.ok(&ok(&value)).map(|()| Some(value)),
            Err(error) => self.error(&error).map(|()| None),
        }
    }

    /// Reads all lines that a run would send, and reports the first ones that cannot be sent.
    fn lines(&mut self, plan: &Plan, lines: &Lines) -> Result<()> {
        const MAX_SHOWN: u64 = 10;
        let (mut good, mut bad) = (0, 0);
        let reader = super::read_lines(lines).and_then(|mut reader| {
            let prefix = super::lines::preview(plan, lines, &mut reader)?;
            if let Some(path) = lines.resume.as_deref().map(Path::display) {
                self.ok(&match prefix {
                    None => format!("no run has used '{path}' yet"),
                    Some(_) => format!("'{path}' continues after line {}", reader.number()),
                })?;
            }
            Ok(reader)
        });
        let step = reader.and_then(|mut reader| {
            while let Some(next) = reader.next()? {
                match next {
                    Next::Document(_, batch) => good += batch.count(),
                    Next::Bad { number, why } => {
                        bad += 1;
                        if bad <= MAX_SHOWN {
                            self.failure(&format!("line {number}: {why}"), None, Exit::DataErr)?;
                        }
                    }
                }
            }
            Ok(())
        });
        match step {
            Err(error) => self.error(&error),
            Ok(()) if bad == 0 => self.ok(&format!("all lines are JSON, {good} of them")),
            Ok(()) => {
                let text = format!("{bad} of {} lines cannot be sent", good + bad);
                self.failure(&text, None, Exit::DataErr)
            }
        }
    }

    fn error(&mut self, error: &Error) -> Result<()> {
        self.failure(&error.to_string(), error.remedy(), error.kind().into())
    }

    /// Tests the token and the other files with secrets. Returns whether the token has expired.
    fn token(&mut self, plan: &Plan, deadline: Deadline, clock: &dyn Clock) -> Result<bool> {
        let target = &plan.target;
        let source = &target.auth.source;
        let report = self.report;
        let tell = &mut |exchange: &TokenExchange| report.token_exchange(exchange);
        let obtained = Credentials::obtain(target, deadline, tell);
        let mut credentials = self.of(obtained, |credentials| {
            let origin = auth::origin(source);
            match (source, credentials.how_obtained()) {
                (TokenSource::None, _) if target.url.file().is_some() => {
                    "no token is sent: the URL is the secret".to_owned()
                }
                (TokenSource::None, _) => "no token is sent (--no-auth)".to_owned(),
                (_, None) => format!("the token comes from {origin}"),
                (_, Some(how_obtained)) => format!("the token comes from {origin}: {how_obtained}"),
            }
        })?;
        if let Some(text) = credentials.as_mut().and_then(Credentials::note) {
            self.report.finding(Mark::Warning, &text, None)?;
        }
        // Errors were reported above.
        let secret_files = auth::secret_files(target, deadline).unwrap_or_default();
        for path in secret_files {
            if let Some(mode) = auth::exposed_mode(&path) {
                let (text, remedy) = super::exposed_file(&path, mode);
                self.warning(&text, &remedy)?;
            }
        }
        let Some(end) = credentials.and_then(|credentials| credentials.expiry()) else {
            return Ok(false);
        };
        let now = clock.unix();
        if end > now {
            let left = time::in_words(std::time::Duration::from_secs(end - now));
            self.ok(&format!(
                "the token expires in {left} ({}), it says",
                time::utc(end)
            ))?;
            return Ok(false);
        }
        let ago = time::ago(end, now);
        self.report.finding(
            Mark::Failure,
            &format!("the token expired {ago}, it says"),
            Some("get a new one"),
        )?;
        Ok(true)
    }

    /// Tests the connection to the API.
    fn connection(&mut self, plan: &Plan, deadline: Deadline) -> Result<()> {
        let (url, connection) = (&plan.target.url, &plan.target.connection);
        let client = match Client::new(connection, url) {
            Ok(client) => client,
            Err(error) => return self.error(&error),
        };
        match url.is_https().then(|| TrustOrigin::of(connection)) {
            None if url.is_loopback() => {}
            None => self.warning(
                "anyone on the network path can read what is sent",
                "use https",
            )?,
            Some(TrustOrigin::Anyone) => self.warning(
                "no certificate is checked (--insecure)",
                "give your own CA's certificate with --cacert instead",
            )?,
            Some(TrustOrigin::Named(named)) => {
                for (how, place) in named {
                    self.ok(&format!("trusted certificates: '{place}' ({how})"))?;
                }
            }
            Some(TrustOrigin::System(place)) => {
                self.ok(&format!("trusted certificates: '{place}' (the system's)"))?
            }
            Some(TrustOrigin::BuiltIn) => self.ok("trusted certificates: built in")?,
        }
        let Probe {
            phase,
            addresses,
            error,
        } = client.probe(deadline);
        let peer = match client.proxy() {
            Some(proxy) => format!("the proxy {proxy}"),
            None => url.origin().to_owned(),
        };
        if !addresses.is_empty() {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            self.ok(&format!("{peer} is at {}", addresses.join(", ")))?;
        }
        if phase > Phase::Connecting {
            self.ok(&format!("{peer} accepts connections"))?;
        }
        if let Some(error) = error {
            return self.error(&error);
        }
        if client.proxy().is_some() {
            self.ok(&format!("the proxy connects to {}", url.origin()))?;
        }
        if url.is_https() && !connection.insecure {
            self.ok("TLS ok, certificate valid")?;
        }
        Ok(())
    }
}
