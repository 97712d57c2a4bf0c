//! How many tests passed in which suite, read from what the test runner prints.

use std::fmt;

/// Counts by suite, in the order in which the suites came.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    suites: Vec<Suite>,
    /// The table of nextest is over; what follows repeats it.
    over: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Suite {
    name: String,
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Tally {
    /// Reads a line of `cargo test`.
    pub(crate) fn see_libtest(&mut self, line: &str) {
        let line = without_colors(line);
        let line = line.trim();
        if let Some(what) = line.strip_prefix("Running ") {
            self.open(program_of(what));
        } else if let Some(library) = line.strip_prefix("Doc-tests ") {
            self.open(&format!("{library} (documentation)"));
        } else if let Some(result) = line.strip_prefix("test result: ")
            && let Some(suite) = self.suites.last_mut()
        {
            suite.passed += count(result, "passed");
            suite.failed += count(result, "failed");
            suite.ignored += count(result, "ignored");
        }
    }

    /// Reads a line of `cargo nextest run --status-level=all`.
    pub(crate) fn see_nextest(&mut self, line: &str) {
        let line = without_colors(line);
        let Some((status, rest)) = line.trim().split_once(" [") else {
            return;
        };
        if status == "Summary" {
            self.over = true;
        }
        let upper_case = |text: &str| text.chars().all(|letter| letter.is_ascii_uppercase() || letter == '-');
        if self.over || !upper_case(status) {
            return;
        }
        // After the time, and the number of the test where this version of nextest has it: the suite, the test.
        let Some((_, rest)) = rest.split_once("] ") else {
            return;
        };
        let rest = rest.trim_start();
        let words = match rest.strip_prefix('(') {
            Some(number) => number.split_once(") ").map_or("", |(_, words)| words),
            None => rest,
        };
        let mut words = words.split_whitespace();
        let (Some(suite), Some(_)) = (words.next(), words.next()) else {
            return;
        };
        match status {
            "SLOW" | "TERMINATING" | "START" => {}
            "PASS" | "LEAK" => self.suite(suite).passed += 1,
            "SKIP" => self.suite(suite).ignored += 1,
            _ => self.suite(suite).failed += 1,
        }
    }

    fn open(&mut self, name: &str) {
        self.suites.push(Suite::named(name));
    }

    /// Nextest mixes the suites.
    fn suite(&mut self, name: &str) -> &mut Suite {
        let place = self.suites.iter().position(|suite| suite.name == name);
        let place = place.unwrap_or_else(|| {
            self.open(name);
            self.suites.len() - 1
        });
        &mut self.suites[place]
    }
}

/// A table, with the sums below.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.suites.iter().filter(|suite| suite.all() > 0);
        let width = full.clone().map(|suite| suite.name.len()).max().unwrap_or(0).max(5);
        writeln!(f, "{:width$}  passed  failed  ignored", "Suite")?;
        let mut total = Suite::named("Total");
        for suite in full {
            total.passed += suite.passed;
            total.failed += suite.failed;
            total.ignored += suite.ignored;
            suite.row(f, width)?;
        }
        total.row(f, width)
    }
}

impl Suite {
    fn named(name: &str) -> Suite {
        Suite {
            name: name.to_owned(),
            ..Suite::default()
        }
    }

    fn all(&self) -> u32 {
        self.passed + self.failed + self.ignored
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let Suite {
            name,
            passed,
            failed,
            ignored,
        } = self;
        writeln!(f, "{name:width$}  {passed:>6}  {failed:>6}  {ignored:>7}")
    }
}

/// `netem` from `unittests src/lib.rs (target/debug/deps/netem-0123abcd)`.
fn program_of(what: &str) -> &str {
    let path = what
        .rsplit_once('(')
        .map_or(what, |(_, path)| path.trim_end_matches(')'));
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.rsplit_once('-').map_or(file, |(name, _)| name)
}

/// The number before a word, in a list such as `ok. 5 passed; 0 failed; 1 ignored`.
fn count(list: &str, word: &str) -> u32 {
    let numbers = list.split([';', '.']).filter_map(|part| part.trim().split_once(' '));
    let mut numbers = numbers.filter(|(_, name)| *name == word);
    numbers.next().and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

fn without_colors(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &str, passed: u32, failed: u32, ignored: u32) -> Suite {
        Suite {
            name: name.to_owned(),
            passed,
            failed,
            ignored,
        }
    }

    #[test]
    fn cargo_test_is_counted_by_program_and_by_library() {
        let mut tally = Tally::default();
        let output = "   Compiling netem v0.1.0\n     Running unittests src/lib.rs (target/debug/deps/enet_sim-01ab)\n\
                      running 3 tests\ntest it ... ok\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n\
                      \x1b[1m\x1b[32m   Doc-tests\x1b[0m netem\n\
                      test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                      test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n";
        output.lines().for_each(|line| tally.see_libtest(line));
        assert_eq!(
            tally.suites,
            [suite("enet_sim", 1, 2, 0), suite("netem (documentation)", 5, 0, 1)]
        );
    }

    #[test]
    fn nextest_is_counted_by_suite_until_its_summary() {
        let mut tally = Tally::default();
        let output = "    Starting 4 tests across 2 binaries (1 test skipped)\n\
                      \x20       PASS [   0.003s] (1/4) netem link::tests::a\n\
                      \x20       SKIP [         ] (───) enet-cli::serve a\n\
                      \x20       SLOW [> 60.000s] (───) enet-proto::soak c\n\
                      \x20       PASS [  61.003s] enet-proto::soak c\n\
                      \x1b[31;1m        FAIL\x1b[0m [   0.003s] (3/4) netem link::tests::b\n\
                      \x20    SIGABRT [   0.003s] (4/4) netem link::tests::d\n\
                      \x20    Summary [  62.000s] 4 tests run: 2 passed, 2 failed, 1 skipped\n\
                      \x20       FAIL [   0.003s] (3/4) netem link::tests::b\n";
        output.lines().for_each(|line| tally.see_nextest(line));
        let wanted = [
            suite("netem", 1, 2, 0),
            suite("enet-cli::serve", 0, 0, 1),
            suite("enet-proto::soak", 1, 0, 0),
        ];
        assert_eq!(tally.suites, wanted);
    }

    #[test]
    fn the_table_has_sums_and_no_empty_suites() {
        let tally = Tally {
            suites: vec![
                suite("netem", 10, 0, 1),
                suite("xtask", 3, 1, 0),
                suite("empty", 0, 0, 0),
            ],
            over: false,
        };
        let wanted = "Suite  passed  failed  ignored\n\
                      netem      10       0        1\n\
                      xtask       3       1        0\n\
                      Total      13       1        1\n";
        assert_eq!(tally.to_string(), wanted);
    }
}
