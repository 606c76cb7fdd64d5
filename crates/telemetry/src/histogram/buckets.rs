//! Where a duration falls: the bounds of the histogram's buckets, all fixed when this is compiled.
//!
//! The cells are log-linear: one for each microsecond below 4, then 4 for each power of two up to 134 s, and one for
//! everything longer. A cell that one of the exposed bounds (`LE_MICROS`) falls into is cut in two there, so that what
//! is exposed is counted exactly and not estimated.

/// The bounds that are exposed, in microseconds; a duration equal to a bound counts as within it.
pub(super) const LE_MICROS: [u64; 15] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 60_000_000,
];

/// Durations from here on share the last bucket (2²⁷ µs, 134 s).
const CEILING: u64 = 1 << 27;

/// Cells before they are cut: the index of `CEILING`'s is the last.
const CELLS: usize = cell_of(CEILING) + 1;

/// Buckets in one histogram.
pub(super) const BUCKETS: usize = CELLS + LE_MICROS.len();

/// The largest duration of each bucket, in microseconds; the last bucket has none.
pub(super) const LAST_MICROS: [u64; BUCKETS] = last_micros();

/// How many buckets lie within each exposed bound.
pub(super) const WITHIN: [usize; LE_MICROS.len()] = within();

/// The bucket of a duration.
#[inline]
pub(super) fn bucket_of(micros: u64) -> usize {
    let micros = if micros < CEILING { micros } else { CEILING };
    let cell = CUTS[cell_of(micros)];
    cell.first + usize::from(micros > cell.cut)
}

/// The first bucket of a cell, and the duration after which its second begins (`u64::MAX` when it has only one).
#[derive(Clone, Copy)]
struct Cell {
    first: usize,
    cut: u64,
}

static CUTS: [Cell; CELLS] = cuts();

const fn cell_of(micros: u64) -> usize {
    let shift = (micros | 4).ilog2() - 2;
    // What is left after the shift is below 8: the mask only says so.
    (shift as usize) * 4 + ((micros >> shift) & 7) as usize
}

/// The smallest duration of a cell.
const fn cell_start(cell: usize) -> u64 {
    if cell < 4 {
        return cell as u64;
    }
    ((cell % 4 + 4) as u64) << (cell / 4 - 1)
}

const fn cuts() -> [Cell; CELLS] {
    let mut cells = [Cell { first: 0, cut: u64::MAX }; CELLS];
    let (mut cell, mut le) = (0, 0);
    while cell < CELLS {
        cells[cell].first = cell + le;
        if le < LE_MICROS.len() && cell_of(LE_MICROS[le]) == cell {
            cells[cell].cut = LE_MICROS[le];
            le += 1;
        }
        cell += 1;
    }
    assert!(le == LE_MICROS.len(), "two exposed bounds fall into one cell");
    cells
}

const fn last_micros() -> [u64; BUCKETS] {
    let cells = cuts();
    let mut last = [u64::MAX; BUCKETS];
    let mut cell = 0;
    while cell + 1 < CELLS {
        let end = cell_start(cell + 1) - 1;
        let first = cells[cell].first;
        if cells[cell].cut == u64::MAX {
            last[first] = end;
        } else {
            last[first] = cells[cell].cut;
            last[first + 1] = end;
        }
        cell += 1;
    }
    last
}

const fn within() -> [usize; LE_MICROS.len()] {
    let cells = cuts();
    let mut within = [0; LE_MICROS.len()];
    let mut le = 0;
    while le < LE_MICROS.len() {
        within[le] = cells[cell_of(LE_MICROS[le])].first + 1;
        le += 1;
    }
    within
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every edge there is, and its neighbours on both sides.
    fn edges() -> Vec<u64> {
        let powers = (0..64).map(|exponent| 1_u64 << exponent);
        let quarters = powers.flat_map(|power| (0..4).map(move |part| power + power / 4 * part));
        let mut edges: Vec<u64> =
            quarters.chain(LE_MICROS).flat_map(|edge| [edge - 1, edge, edge + 1]).chain([u64::MAX]).collect();
        edges.sort_unstable();
        edges
    }

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        assert!(LAST_MICROS.is_sorted());
        assert_eq!(LAST_MICROS[BUCKETS - 1], u64::MAX);
        for (bucket, last) in LAST_MICROS[..BUCKETS - 1].iter().enumerate() {
            assert_eq!(bucket_of(*last), bucket, "{last} µs");
            // A cell cut at its very end has an empty second bucket; there is none among our bounds.
            assert_eq!(bucket_of(last + 1), bucket + 1, "{} µs", last + 1);
        }
    }

    #[test]
    fn a_longer_duration_never_falls_into_an_earlier_bucket() {
        for pair in edges().windows(2) {
            assert!(bucket_of(pair[0]) <= bucket_of(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn an_exposed_bound_takes_exactly_what_is_not_longer() {
        for micros in edges() {
            for (bound, within) in LE_MICROS.iter().zip(WITHIN) {
                assert_eq!(bucket_of(micros) < within, micros <= *bound, "{micros} µs within {bound} µs");
            }
        }
    }

    #[test]
    fn a_bucket_is_at_most_a_quarter_wide() {
        for pair in LAST_MICROS[..BUCKETS - 1].windows(2).filter(|pair| pair[0] >= 4) {
            assert!((pair[1] - pair[0]) * 4 <= pair[0] + 1, "{pair:?}");
        }
    }
}
