//! Parses the value of an option into the type that the option needs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The value of an option; empty for a switch.
pub(super) struct OptionValue(pub(super) OsString);

impl OptionValue {
    pub(super) fn text(self) -> std::result::Result<String, String> {
        self.0
            .into_string()
            .map_err(|_| "it is not text in UTF-8".to_owned())
    }

    pub(super) fn path(self) -> std::result::Result<PathBuf, String> {
        match self.0.is_empty() {
            true => Err("it is empty".to_owned()),
            false => Ok(self.0.into()),
        }
    }

    pub(super) fn number(self) -> std::result::Result<u32, String> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| format!("'{text}' is not a whole number, or too large a one"))
    }

    /// `500ms`, `30`, `30s`, `5m`, `1h`.
    pub(super) fn duration(self) -> std::result::Result<Duration, String> {
        let text = self.text()?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "ms" => Some(1),
            "" | "s" => Some(1000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let number = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse::<u64>().ok())
            .flatten();
        match number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit))
        {
            Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
            None => Err(format!(
                "'{text}' is not a time, such as 500ms, 30s, 5m or 1h"
            )),
        }
    }

    /// A rate per second, with up to three decimals, as the time between two events: `50`, `0.1`.
    pub(super) fn interval(self) -> std::result::Result<Duration, String> {
        let text = self.text()?;
        let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let thousandths = (part.len() <= 3 && digits(whole) && digits(part))
            .then(|| format!("{whole}{part:0<3}").parse::<u64>().ok())
            .flatten();
        match thousandths {
            Some(rate) if rate > 0 => {
                Ok(Duration::from_secs(1000) / u32::try_from(rate).unwrap_or(u32::MAX))
            }
            _ => Err(format!("'{text}' is not a rate, such as 50 or 0.1")),
        }
    }

    /// A duration greater than zero.
    pub(super) fn positive_duration(self) -> std::result::Result<Duration, String> {
        match self.duration()? {
            Duration::ZERO => Err("it must be more than 0".to_owned()),
            time => Ok(time),
        }
    }

    /// A size in bytes: `1048576`, `64K`, `16M`, `1G`.
    pub(super) fn size(self) -> std::result::Result<u64, String> {
        let text = self.text()?;
        let (digits, unit) = match text.as_bytes().last() {
            Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
            Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
            Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
            _ => (&text[..], 1),
        };
        match digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
        {
            Some(bytes) if bytes > 0 => Ok(bytes),
            _ => Err(format!("'{text}' is not a size, such as 65536, 64K or 16M")),
        }
    }
}
