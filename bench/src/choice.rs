//! Which scenarios are asked for.

use crate::scenario::{Effort, Scenario, scenarios};

/// Names the scenarios of both efforts, once each.
pub(crate) fn list() {
    let (short, full) = (scenarios(Effort::Short), scenarios(Effort::Full));
    for scenario in &short {
        let mark = if has(&full, &scenario.id) {
            ""
        } else {
            " (not with --full)"
        };
        println!("{}{mark}: {}", scenario.id, scenario.title);
    }
    for scenario in full.iter().filter(|scenario| !has(&short, &scenario.id)) {
        println!("{} (only with --full): {}", scenario.id, scenario.title);
    }
}

/// The scenarios of an effort that `words` stand for, all if there are none. Fails if a word stands for none of them.
pub(crate) fn choose(effort: Effort, words: &[String]) -> Result<Vec<Scenario>, String> {
    let mut chosen = scenarios(effort);
    if let Some(word) = words
        .iter()
        .find(|word| !chosen.iter().any(|scenario| stands_for(word, scenario)))
    {
        return Err(explain(effort, word));
    }
    chosen.retain(|scenario| words.is_empty() || words.iter().any(|word| stands_for(word, scenario)));
    Ok(chosen)
}

/// A word that is a name stands for that scenario alone.
fn stands_for(word: &str, scenario: &Scenario) -> bool {
    let is_name = [Effort::Short, Effort::Full]
        .iter()
        .any(|&effort| has(&scenarios(effort), word));
    if is_name {
        scenario.id == word
    } else {
        scenario.id.contains(word)
    }
}

fn has(all: &[Scenario], id: &str) -> bool {
    all.iter().any(|scenario| scenario.id == id)
}

fn explain(effort: Effort, word: &str) -> String {
    let (other, flag) = match effort {
        Effort::Short => (Effort::Full, "only with --full"),
        Effort::Full => (Effort::Short, "only without --full"),
    };
    let others: Vec<String> = scenarios(other)
        .into_iter()
        .filter(|scenario| stands_for(word, scenario))
        .map(|scenario| scenario.id)
        .collect();
    if others.is_empty() {
        format!("no scenario has \"{word}\" in its name; --list names them all")
    } else {
        format!("\"{word}\" stands for what is measured {flag}: {}", others.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(effort: Effort, word: &str) -> Result<Vec<String>, String> {
        let chosen = choose(effort, &[word.to_owned()])?;
        Ok(chosen.into_iter().map(|scenario| scenario.id).collect())
    }

    #[test]
    fn a_name_stands_for_itself_and_a_part_for_all_that_have_it() {
        assert_eq!(chosen(Effort::Short, "bulk"), Ok(vec!["bulk".to_owned()]));
        let small = ["small-reliable", "small-unreliable", "loss-5-small"].map(str::to_owned);
        assert_eq!(chosen(Effort::Short, "small"), Ok(small.to_vec()));
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_an_error_that_says_why() {
        let only_full = chosen(Effort::Short, "idle-4000");
        assert!(only_full.is_err_and(|why| why.contains("--full")));
        assert!(chosen(Effort::Short, "fan-out-10").is_err_and(|why| why.contains("--full")));
        assert!(chosen(Effort::Full, "idle-4000").is_ok());
        assert!(chosen(Effort::Full, "storm-1000").is_err_and(|why| why.contains("without --full")));
        assert!(chosen(Effort::Full, "no-such").is_err_and(|why| why.contains("--list")));
    }
}
