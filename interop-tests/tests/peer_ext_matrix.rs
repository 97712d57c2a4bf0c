//! The extension and stock Godot in one session, in any mix: every actor of a scenario sees, event by event, what it sees when all
//! are stock.

use std::collections::BTreeMap;

use interop_tests::peer_ext;
use serde_json::Value;

/// What every actor of a scenario has seen, by cast.
type Logs = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Plays all scenarios of a file with all casts.
#[track_caller]
fn play(scenarios: &str) {
    let arguments = [("run", "matrix".to_owned()), ("scenarios", scenarios.to_owned())];
    let mut godot = peer_ext::start("peer_ext", scenarios, &arguments);
    let mut plays: BTreeMap<String, Logs> = BTreeMap::new();
    loop {
        let event = godot.expect("log or end", |event| event["event"] == "log" || event["event"] == "end");
        if event["event"] == "end" {
            break;
        }
        let saw = event["saw"].as_array().expect("lines").iter().map(text).collect();
        let logs = plays.entry(text(&event["scenario"])).or_default();
        let log = logs.entry(text(&event["cast"])).or_default();
        log.insert(text(&event["actor"]), saw);
    }
    assert!(godot.wait().success());

    let mut differences = Vec::new();
    for (scenario, logs) in &plays {
        let (model, stock) = logs
            .iter()
            .find(|(cast, _)| !cast.contains('R'))
            .expect("a cast of stock peers alone");
        assert!(stock.values().any(|saw| saw.len() > 2), "nothing happens in {scenario}");
        let mut table = Vec::new();
        for (cast, log) in logs {
            let complete = log.values().flatten().all(|line| !line.starts_with("not in time"));
            let equal = complete && log == stock;
            table.push(format!("{cast} {}", if equal { "=" } else { "DIFFERS" }));
            if !equal {
                differences.push(compare(scenario, (model, stock), (cast, log)));
            }
        }
        println!("{scenario}: {}", table.join("  "));
    }
    assert!(!plays.is_empty(), "no scenario was played");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

type Cast<'a> = (&'a String, &'a BTreeMap<String, Vec<String>>);

fn compare(scenario: &str, (model, stock): Cast<'_>, (cast, log): Cast<'_>) -> String {
    let mut text = format!("{scenario}, {cast} beside {model}:");
    for (actor, wanted) in stock {
        let found = &log[actor];
        if found != wanted {
            text += &format!("\n  {actor} saw {found:#?}\n  and not {wanted:#?}");
        }
    }
    text
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
fn packets_arrive_as_with_stock_peers() {
    play("packets");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn scenes_are_kept_alike_as_with_stock_peers() {
    play("scenes");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn connections_and_meshes_work_as_with_stock_peers() {
    play("connections");
}
