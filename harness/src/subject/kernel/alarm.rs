use std::cell::RefCell;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigEvent, SigevNotify};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::gettid;

use super::signal::DEADLINE;

/// The timer that breaks a blocked call of the calling thread.
///
/// It fires again and again once its time has come, since one signal can fall just before the
/// call; and it is left running from call to call, because arming it for each would cost more
/// than a call does.
pub(super) struct Alarm {
    timer: Timer,
    expiry: Option<Instant>,
}

/// How often the signal is repeated once the time has come.
const REPEAT: Duration = Duration::from_millis(2);
/// From this limit on, the alarm may come late by a sixteenth, so that it need not be set anew for the
/// next call. Never early: a call that must not return is watched for its whole time.
const COARSE: Duration = Duration::from_millis(800);

thread_local! {
    static ALARM: RefCell<Option<Alarm>> = const { RefCell::new(None) };
}

impl Alarm {
    /// Lets the calling thread be interrupted from `limit` on. Gives when that is.
    ///
    /// # Errors
    /// When the system refuses a timer.
    pub(super) fn arm(limit: Duration) -> nix::Result<Instant> {
        ALARM.with_borrow_mut(|alarm| match alarm {
            Some(alarm) => alarm.set(limit),
            none => none.insert(Self::new()?).set(limit),
        })
    }

    /// Lets the calling thread be.
    pub(super) fn disarm() {
        ALARM.with_borrow_mut(|alarm| {
            if let Some(alarm) = alarm
                && alarm.expiry.take().is_some()
            {
                // Setting a timer that exists to zero cannot fail.
                let _ = alarm.timer.set(
                    Expiration::OneShot(TimeSpec::from_duration(Duration::ZERO)),
                    TimerSetTimeFlags::empty(),
                );
            }
        });
    }

    fn new() -> nix::Result<Self> {
        let notify = SigevNotify::SigevThreadId {
            signal: DEADLINE,
            thread_id: gettid().as_raw(),
            si_value: 0,
        };
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
        Ok(Self { timer, expiry: None })
    }

    fn set(&mut self, limit: Duration) -> nix::Result<Instant> {
        let now = Instant::now();
        let latest = if limit >= COARSE { limit + limit / 16 } else { limit };
        if let Some(expiry) = self.expiry {
            let left = expiry.saturating_duration_since(now);
            if !left.is_zero() && (limit..=latest).contains(&left) {
                return Ok(expiry);
            }
        }
        let first = latest.max(Duration::from_micros(1));
        self.timer.set(
            Expiration::IntervalDelayed(
                TimeSpec::from_duration(first),
                TimeSpec::from_duration(REPEAT),
            ),
            TimerSetTimeFlags::empty(),
        )?;
        let expiry = now + latest;
        self.expiry = Some(expiry);
        Ok(expiry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::kernel::signal;

    /// How far from now an alarm is that was set for `limit`.
    fn distance(limit: Duration) -> Duration {
        let before = Instant::now();
        Alarm::arm(limit).expect("the system has a timer") - before
    }

    #[test]
    fn an_alarm_is_never_early_and_at_most_a_sixteenth_late() {
        signal::install().expect("a handler can be installed");
        for limit in
            [2_000, 2_000, 1_900, 2_100, 5_000, 2_000, 50, 2_000].map(Duration::from_millis)
        {
            let distance = distance(limit);
            assert!(distance >= limit, "{distance:?} instead of {limit:?}");
            // What setting it took comes on top.
            let late = distance.saturating_sub(limit);
            assert!(late <= limit / 16 + Duration::from_secs(1), "{distance:?}, not {limit:?}");
        }
        Alarm::disarm();
    }

    #[test]
    fn an_alarm_that_fits_is_left_running() {
        signal::install().expect("a handler can be installed");
        let limit = Duration::from_mins(10);
        let first = Alarm::arm(limit).ok();
        assert_eq!(Alarm::arm(limit).ok(), first);
        assert_ne!(Alarm::arm(limit * 2).ok(), first);
        Alarm::disarm();
        assert_ne!(Alarm::arm(limit).ok(), first);
        Alarm::disarm();
    }
}
