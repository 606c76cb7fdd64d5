//! The known word that is nearest to a mistyped one.
//! For help only: nothing is ever read as the word that was probably meant.

/// The candidate that `word` was probably meant to be, if one is near enough: about one slip for every three letters.
/// A slip is a letter added, lost, changed or swapped with its neighbour. The first of equals wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let most = (word.len() / 3).clamp(1, 3);
    let mut best = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        if letters.len().abs_diff(word.len()) > most {
            continue;
        }
        let slips = slips(&word, &letters);
        if slips <= most && best.is_none_or(|(fewest, _)| slips < fewest) {
            best = Some((slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The distance of optimal string alignment between two words.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut fewest = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                fewest = fewest.min(before[j - 2] + 1);
            }
            row.push(fewest);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let known = ["header", "query", "cookie", "claim"];
        for (word, meant) in [
            ("headers", Some("header")),
            ("haeder", Some("header")),
            ("Header", Some("header")),
            ("qurey", Some("query")),
            ("claims", Some("claim")),
            ("body", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn takes_the_nearest_and_then_the_first() {
        assert_eq!(nearest("abcd", ["abce", "abcd"]), Some("abcd"));
        assert_eq!(nearest("abcx", ["abca", "abcb"]), Some("abca"));
    }
}
