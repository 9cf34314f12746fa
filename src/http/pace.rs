//! The least speed of a body, in either direction.

use std::time::{Duration, Instant};

use crate::config::settings::Timeouts;
use crate::error::{Code, Error, Phase, Result};

/// What no line is slower than that anybody waits for, in bytes per second.
const FLOOR: u64 = 100;

/// How long a body may be slower than that: silence ends it earlier.
const FLOOR_WINDOW: Duration = Duration::from_secs(60);

/// How long it may be slower than somebody wants it to be. Over less time a speed means nothing.
const WINDOW: Duration = Duration::from_secs(5);

/// The least speed, and the time that it is measured over; None where there is no limit.
fn least(timeouts: &Timeouts) -> Option<(u64, Duration)> {
    match timeouts.min_bytes_per_second {
        Some(0) => None,
        Some(least) => Some((least, WINDOW)),
        // Who allows any silence does not mind a slow line.
        None if timeouts.idle.is_zero() => None,
        None => Some((FLOOR, FLOOR_WINDOW.max(timeouts.idle * 2))),
    }
}

/// Watches the speed of a body.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The time that moving it took: what the caller does between two pieces is not the server's.
    spent: Duration,
    bytes: u64,
}

impl Pace {
    /// When a piece that begins now has been too slow even if nothing came at all.
    pub(super) fn until(&self, timeouts: &Timeouts) -> Option<(Instant, Phase)> {
        let (least, window) = least(timeouts)?;
        let enough = Duration::from_secs(self.bytes / least);
        let left = enough.max(window).saturating_sub(self.spent);
        Some((Instant::now().checked_add(left)?, Phase::Slow))
    }

    /// So many bytes came in such a time.
    pub(super) fn keep(&mut self, moved: usize, took: Duration, timeouts: &Timeouts) -> Result<()> {
        let Some((least, window)) = least(timeouts) else { return Ok(()) };
        self.bytes += moved as u64;
        self.spent += took;
        if self.spent < window {
            return Ok(());
        }
        let speed = u128::from(self.bytes) * 1000 / self.spent.as_millis().max(1);
        *self = Self::default();
        if moved > 0 && speed < u128::from(least) {
            return Err(Error::new(
                Code::Timeout,
                format!(
                    "the body was transferred at {speed} bytes per second, below the minimum of {least}"
                ),
            )
            .phase(Phase::Slow)
            .hint("the limit is min-bytes-per-second in the option timeouts"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn timeouts(least: Option<u64>) -> Timeouts {
        Timeouts { min_bytes_per_second: least, ..Timeouts::default() }
    }

    /// The bytes of each second until it is too slow.
    fn lasts(timeouts: &Timeouts, bytes: usize) -> Option<u64> {
        let mut pace = Pace::default();
        (1..=300).find(|_| pace.keep(bytes, SECOND, timeouts).is_err())
    }

    #[test]
    fn no_honest_line_is_below_the_floor() {
        let usual = timeouts(None);
        assert_eq!(lasts(&usual, 1), Some(60), "a byte a second");
        assert_eq!(lasts(&usual, 99), Some(60));
        assert_eq!(lasts(&usual, 300), None, "a modem of 2400 baud");
        // Silence that idle-ms allows, and then a little of the body again.
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.keep(16 << 10, 29 * SECOND, &usual).expect("it goes on");
            let (until, _) = pace.until(&usual).expect("a limit");
            assert!(until > Instant::now() + Duration::from_secs(29), "idle-ms comes first");
        }
    }

    #[test]
    fn a_speed_that_was_asked_for_is_looked_at_sooner() {
        assert_eq!(lasts(&timeouts(Some(1000)), 999), Some(5));
        assert_eq!(lasts(&timeouts(Some(1000)), 1000), None);
        assert_eq!(lasts(&timeouts(Some(0)), 1), None, "0 is no limit");
        let patient = Timeouts { idle: Duration::ZERO, ..timeouts(None) };
        assert_eq!(lasts(&patient, 1), None, "as patient as with silence");
        assert!(
            patient.min_bytes_per_second.is_none() && Pace::default().until(&patient).is_none()
        );
    }
}
