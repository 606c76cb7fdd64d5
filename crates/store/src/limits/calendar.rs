//! Months of the calendar (UTC), from microseconds since 1970: the one thing of dates that limits need.
//! The calendar is the one in use (Gregorian), which repeats itself every 400 years.

/// A day in microseconds. UTC as computers count it has no leap seconds.
pub(crate) const DAY: u64 = 86_400_000_000;
/// The length of the longest months.
pub(crate) const LONGEST_MONTH: u64 = 31 * DAY;

/// The days of 400 years, after which the calendar repeats itself.
const DAYS_OF_ERA: u64 = 146_097;

/// When the month ends that this time is in.
pub(crate) fn month_end(at: u64) -> u64 {
    let (year, month) = month_of(at / DAY);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    first_of(year, month) * DAY
}

/// Year and month (1 to 12) of a day since 1970.
fn month_of(day: u64) -> (u64, u64) {
    // Years are guessed by their mean length, which errs by one at most, and only upwards of the true one.
    let mut year = 1970 + day * 400 / DAYS_OF_ERA + 1;
    while first_of(year, 1) > day {
        year -= 1;
    }
    let mut month = 12;
    while first_of(year, month) > day {
        month -= 1;
    }
    (year, month)
}

/// The first day of a month, in days since 1970.
fn first_of(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(is_leap && month > 2);
    // 719162 days were before 1970.
    past * 365 + leaps + BEFORE[usize::try_from(month - 1).expect("there are twelve months")] + leap_day
        - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_when_the_calendar_says() {
        // Each: a time, and the end of its month, in seconds as `date -u +%s` has them.
        let known = [
            (0, 2_678_400),                 // 1970-01-01
            (951_782_400, 951_868_800),     // 2000-02-29
            (1_709_164_799, 1_709_251_200), // 2024-02-28, 23:59:59
            (1_709_251_199, 1_709_251_200), // 2024-02-29, 23:59:59
            (1_709_251_200, 1_711_929_600), // 2024-03-01
            (1_767_225_599, 1_767_225_600), // 2025-12-31, 23:59:59
            (1_767_225_600, 1_769_904_000), // 2026-01-01
            (4_107_542_399, 4_107_542_400), // 2100-02-28, 23:59:59: no leap year
        ];
        for (at, end) in known {
            assert_eq!(month_end(at * 1_000_000) / 1_000_000, end, "{at}");
        }
    }

    #[test]
    fn every_day_of_a_thousand_years_is_in_the_month_that_follows_the_last() {
        let (mut year, mut month) = (1970, 1);
        for day in 0..366 * 1000 {
            let now = month_of(day);
            if now != (year, month) {
                assert_eq!(first_of(now.0, now.1), day);
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                assert_eq!(now, next);
                (year, month) = now;
            }
        }
    }
}
