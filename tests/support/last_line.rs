//! The last line of a failing run of authpost: checked for its form, and removed from what is compared.
//!
//! `authpost: exit 75 TEMPFAIL: nothing was sent, running it again is safe (2026-11-21T03:17:02Z)`
use std::ops::RangeInclusive;
use std::time::SystemTime;

/// The exit codes of a run that fails, by the names of sysexits(3).
pub const EXITS: [(i32, &str); 11] = [
    (64, "USAGE"),
    (65, "DATAERR"),
    (66, "NOINPUT"),
    (69, "UNAVAILABLE"),
    (70, "SOFTWARE"),
    (73, "CANTCREAT"),
    (74, "IOERR"),
    (75, "TEMPFAIL"),
    (76, "PROTOCOL"),
    (77, "NOPERM"),
    (78, "CONFIG"),
];

/// One such line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLine {
    code: i32,
    /// What it says of what was sent.
    pub claim: String,
    /// Seconds since 1970.
    time: u64,
}

impl LastLine {
    fn parse(line: &str) -> Option<LastLine> {
        const COLOURED: &str = "\x1b[1;31mauthpost:\x1b[0m exit ";
        let rest = line.strip_prefix("authpost: exit ");
        let rest = rest.or_else(|| line.strip_prefix(COLOURED))?;
        let (code, rest) = rest.split_once(' ')?;
        let (rest, time) = rest.strip_suffix("Z)")?.rsplit_once(" (")?;
        let (name, claim) = rest.split_once(": ").unwrap_or((rest, ""));
        let code = code.parse().ok()?;
        EXITS.contains(&(code, name)).then_some(())?;
        let time = seconds(time)?;
        let claim = claim.to_owned();
        Some(LastLine { code, claim, time })
    }
}

/// `2026-11-21T03:17:02` in seconds since 1970.
pub fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<Vec<u64>> {
        let parts = text.split(separator);
        parts.map(|part: &str| part.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (&date[..], &time[..]) else {
        return None;
    };
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let february = if is_leap(*year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years = (1970..*year).map(|year| if is_leap(year) { 366 } else { 365 });
    let before = months.get(..usize::try_from(*month).ok()?.checked_sub(1)?)?;
    let days = years.sum::<u64>() + before.iter().sum::<u64>() + day - 1;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Now, in seconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

/// Removes all such lines from the output.
pub fn take(bytes: &mut Vec<u8>) -> Vec<LastLine> {
    let mut found = Vec::new();
    let mut kept = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        match text.strip_suffix('\n').and_then(LastLine::parse) {
            Some(line) => found.push(line),
            None => kept.extend_from_slice(line),
        }
    }
    *bytes = kept;
    found
}

/// Whether such a line ends what was written.
pub fn ends(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next_back().and_then(LastLine::parse).is_some()
}

/// What is wrong with the lines of a run of authpost itself, which ended with this code in this time: every run that
/// fails has one, but for one that may be `silent`.
pub fn fault(
    found: &[LastLine],
    code: Option<i32>,
    silent: bool,
    time: RangeInclusive<u64>,
) -> Option<String> {
    match (code, found) {
        (None | Some(0), []) => None,
        (Some(_), []) if silent => None,
        (Some(code), [line]) if code == line.code && time.contains(&line.time) => None,
        _ => Some(format!(
            "the last line is wrong for {code:?} in {time:?}: {found:?}"
        )),
    }
}
