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
/// From this limit on, the alarm may come early by an eighth rather than be set anew.
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
        let tolerance = if limit >= COARSE { limit / 8 } else { Duration::ZERO };
        if let Some(expiry) = self.expiry {
            let left = expiry.saturating_duration_since(now);
            if left <= limit && left + tolerance > limit {
                return Ok(expiry);
            }
        }
        let first = limit.max(Duration::from_micros(1));
        self.timer.set(
            Expiration::IntervalDelayed(
                TimeSpec::from_duration(first),
                TimeSpec::from_duration(REPEAT),
            ),
            TimerSetTimeFlags::empty(),
        )?;
        let expiry = now + limit;
        self.expiry = Some(expiry);
        Ok(expiry)
    }
}
