//! Which of many equal happenings get a record in the log, so that who causes them causes no flood of records.

/// How many get one each.
const FIRST: u64 = 10;

/// Whether the happening of this number, counted from 1, gets a record: the first ones do, and then each that doubles the count.
pub(crate) fn is_worth_a_note(count: u64) -> bool {
    count <= FIRST || count.is_power_of_two()
}

/// How many characters of what others write are recorded.
const SHORT: usize = 100;

/// The beginning of a text of any length that others have written.
pub(crate) fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(SHORT);
    end.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_the_beginning_is_recorded() {
        assert_eq!(shortened("Main/Chat"), "Main/Chat");
        assert_eq!(shortened(&"ä".repeat(1 << 20)), "ä".repeat(SHORT));
    }

    #[test]
    fn a_million_happenings_get_a_few_records() {
        let notes: Vec<u64> = (1..=1_000_000).filter(|&count| is_worth_a_note(count)).collect();
        assert_eq!(notes[..12], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32]);
        assert_eq!(notes.len(), 10 + 16);
    }
}
