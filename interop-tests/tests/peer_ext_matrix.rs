//! The extension and stock Godot in one session, in any mix: every actor of a scenario sees, event by event, what it sees when all
//! are stock. That holds for ours with DTLS, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fixtures::tls;
use interop_tests::peer_ext;
use serde_json::Value;

/// What an actor has seen, and why peers went as far as it knows, which is not compared.
#[derive(Clone, Debug, Default)]
struct Seen {
    lines: Vec<String>,
    reasons: Vec<String>,
}

/// What every actor has seen.
type Log = BTreeMap<String, Seen>;

/// What went on in each cast.
type Plays = BTreeMap<String, Log>;

/// What begins so is wrong whoever plays.
const FAILURE: &str = "failed: ";

/// What begins so is a figure, which depends on the machine.
const FIGURE: &str = "measured ";

/// How many times the figure of the stock peers, or which part of it, a figure may be.
const TOLERANCE: f64 = 3.0;

/// Plays all scenarios of a file with all casts.
#[track_caller]
fn play(scenarios: &str) {
    let plays = run(scenarios);
    assert!(!plays.is_empty(), "no scenario was played");
    let mut table = String::new();
    let mut differences = Vec::new();
    for (scenario, casts) in &plays {
        let (model, stock) = model(casts);
        assert!(
            stock.values().any(|seen| seen.lines.len() > 2),
            "nothing happens in {scenario}"
        );
        if table.is_empty() {
            let names: Vec<&str> = order(casts).collect();
            let _ = writeln!(table, "| {scenarios} | {} |", names.join(" | "));
            let _ = writeln!(table, "|---|{}", "---|".repeat(names.len()));
        }
        let cells: Vec<&str> = order(casts)
            .map(|cast| match compare(stock, &casts[cast]) {
                None => "=",
                Some(difference) => {
                    differences.push(format!("{scenario}, {cast} beside {model}:{difference}"));
                    "**differs**"
                }
            })
            .collect();
        let title = scenario.trim_start_matches("play_").replace('_', " ");
        let _ = writeln!(table, "| {title} | {} |", cells.join(" | "));
    }
    println!("\n{table}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("matrix-{scenarios}.md"));
    fs::write(&file, table).expect("the table can be kept");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

/// What Godot tells of it, by scenario.
fn run(scenarios: &str) -> BTreeMap<String, Plays> {
    let arguments = [
        ("run", "matrix".to_owned()),
        ("scenarios", scenarios.to_owned()),
        ("certificate", tls::ECDSA.certificate.to_owned()),
        ("key", tls::ECDSA.key.to_owned()),
    ];
    let mut godot = peer_ext::start("peer_ext", scenarios, &arguments);
    let mut plays: BTreeMap<String, Plays> = BTreeMap::new();
    loop {
        let event = godot.expect("log or end", |event| event["event"] == "log" || event["event"] == "end");
        if event["event"] == "end" {
            break;
        }
        let lines = |key: &str| event[key].as_array().expect("lines").iter().map(text).collect();
        let seen = Seen {
            lines: lines("saw"),
            reasons: lines("reasons"),
        };
        let casts = plays.entry(text(&event["scenario"])).or_default();
        let log = casts.entry(text(&event["cast"])).or_default();
        log.insert(text(&event["actor"]), seen);
    }
    assert!(godot.wait().success());
    plays
}

/// The cast of stock peers alone.
fn model(casts: &Plays) -> (&str, &Log) {
    let model = casts.iter().find(|(cast, _)| !cast.contains(['R', 'D']));
    model
        .map(|(cast, log)| (cast.as_str(), log))
        .expect("a cast of stock peers alone")
}

/// Stock first.
fn order(casts: &Plays) -> impl Iterator<Item = &str> {
    casts.keys().rev().map(String::as_str)
}

/// How a log is not what it should be.
fn compare(stock: &Log, log: &Log) -> Option<String> {
    let mut text = String::new();
    let actors: BTreeSet<&String> = stock.keys().chain(log.keys()).collect();
    for actor in actors {
        let nothing = Seen::default();
        let [wanted, seen] = [stock, log].map(|log| log.get(actor).unwrap_or(&nothing));
        let (wanted, found) = (&wanted.lines, &seen.lines);
        for failure in found.iter().filter(|line| line.starts_with(FAILURE)) {
            let _ = write!(text, "\n  {actor} {failure}");
        }
        if wanted.len() != found.len() || !wanted.iter().zip(found).all(|(wanted, found)| alike(wanted, found)) {
            let _ = write!(text, "\n  {actor} saw {found:#?}\n  and not {wanted:#?}");
            let _ = write!(text, "\n  where {:?}", seen.reasons);
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Whether a line says the same as that of the stock peers, or a figure that comes near theirs.
fn alike(wanted: &str, found: &str) -> bool {
    match (figure(wanted), figure(found)) {
        (Some((wanted_of, wanted)), Some((found_of, found))) => {
            let ratio = found / wanted;
            wanted_of == found_of && ratio < TOLERANCE && ratio > 1.0 / TOLERANCE
        }
        _ => wanted == found,
    }
}

/// What a line gives a figure for, and the figure.
fn figure(line: &str) -> Option<(&str, f64)> {
    let (what, figure) = line.strip_prefix(FIGURE)?.rsplit_once(": ")?;
    Some((what, figure.parse().ok()?))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn sessions_begin_and_end_as_with_stock_peers() {
    play("sessions");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn four_clients_are_kept_apart_as_with_stock_peers() {
    play("crowds");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn packets_arrive_as_with_stock_peers() {
    play("packets");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn bandwidth_is_limited_as_with_stock_peers() {
    play("bandwidth");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn remote_calls_are_made_as_with_stock_peers() {
    play("calls");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn newcomers_are_authenticated_as_with_stock_peers() {
    play("authentication");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn nodes_are_replicated_as_with_stock_peers() {
    play("replication");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn connections_and_meshes_work_as_with_stock_peers() {
    play("connections");
}

#[test]
fn failures_and_other_figures_are_differences() {
    let log = |lines: &[&str]| {
        let lines = lines.iter().map(ToString::to_string).collect();
        let seen = Seen {
            lines,
            ..Seen::default()
        };
        Log::from([("server".to_owned(), seen)])
    };
    let stock = log(&["came", "measured bytes: 20000.0"]);
    assert_eq!(compare(&stock, &log(&["came", "measured bytes: 35000.0"])), None);
    for other in [
        log(&["came", "measured bytes: 190000.0"]),
        log(&["came", "measured bytes: 0.0"]),
        log(&["went", "measured bytes: 20000.0"]),
        log(&["came"]),
    ] {
        assert!(compare(&stock, &other).is_some(), "{other:?}");
    }
    let failing = log(&["failed: not in time"]);
    assert!(compare(&failing, &failing).is_some());
}
