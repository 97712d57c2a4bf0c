//! Instructions of the micro-benchmarks, counted by callgrind and compared with what they were.
//!
//! Instructions do not depend on how busy a machine is, so a few percent more are seen where times would be noise.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use bench::micro::{ALL, Micro, measured};

/// How the process of one piece is asked for it.
pub(crate) const PIECE_ARGUMENT: &str = "--piece";

/// The counts to compare with. They hold for one version of the compiler.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// More than so much more is a regression.
const TOLERANCE: f64 = 0.05;

/// The function whose instructions count, as it is called in the program.
const COUNTED: &str = "bench::micro::measured";

/// Counts, prints a table and compares with the record, or makes it anew. False if there is a regression.
pub(crate) fn run(update: bool) -> io::Result<bool> {
    let record = Path::new(RECORD);
    let known: BTreeMap<String, f64> = match fs::read_to_string(record) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    println!("| piece | instructions | recorded | |\n|---|---|---|---|");
    let mut counts = BTreeMap::new();
    let mut good = true;
    for micro in ALL {
        let count = count(micro)?;
        let before = known.get(micro.name).copied();
        let change = before.map(|before| count / before - 1.0);
        let worse = change.is_some_and(|change| change > TOLERANCE);
        good &= !worse;
        println!(
            "| {} | {count:.1} | {} | {}{} |",
            micro.name,
            before.map_or_else(|| "–".to_owned(), |before| format!("{before:.1}")),
            change.map_or_else(String::new, |change| format!("{:+.1} %", change * 100.0)),
            if worse { " **regression**" } else { "" },
        );
        counts.insert(micro.name, (count * 10.0).round() / 10.0);
    }
    if update {
        fs::write(record, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    Ok(good || update)
}

/// Runs one piece, in the process of it.
pub(crate) fn run_piece(name: &str) {
    let micro = ALL
        .iter()
        .find(|micro| micro.name == name)
        .expect("a piece of this name");
    measured((micro.prepare)());
}

/// The instructions of one operation.
fn count(micro: &Micro) -> io::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", &format!("--toggle-collect={COUNTED}*")])
        .arg(env::current_exe()?)
        .args([PIECE_ARGUMENT, micro.name])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind is needed: {error}")))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let collected = errors
        .lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
    match collected.filter(|count| output.status.success() && *count > 0.0) {
        Some(count) => Ok(count / f64::from(micro.operations)),
        None => Err(io::Error::other(format!("{}: {errors}", micro.name))),
    }
}
