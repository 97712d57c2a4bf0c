//! Every attack on a server of ours, a part of each: what is promised must hold.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use attack::{Attack, Implementation, Report, Scale, Subject, Target, run};
use interop_tests::enet::Serve;

/// What the healthy may wait and how long it may take to join, however busy this machine is. The targets are stricter by far.
const P99: Duration = Duration::from_secs(1);
const JOIN: Duration = Duration::from_secs(5);

/// What a twentieth of an attack on a server of ours comes to. No healthy peer may be lost, and stock clients join afterwards.
fn twentieth(attack: Attack) -> Report {
    let subject = Subject::Started {
        program: PathBuf::from(env!("CARGO_BIN_EXE_attack")),
        implementation: Implementation::Ours,
    };
    let report = run(&subject, attack, Scale::new(0.05)).expect("it can be run");
    if attack != Attack::Restart {
        stood(&report);
    }
    report
}

/// Nobody was lost, and those who came and those who were there had not to wait for long.
#[track_caller]
fn stood(report: &Report) {
    assert_eq!(report.lost, 0, "{report:?}");
    assert!(report.joined_after.is_some_and(|time| time < JOIN), "{report:?}");
    assert!(report.during.messages > 0 && report.during.p99 < P99, "{report:?}");
}

/// What depends on the server alone must be as promised; how fast it goes depends on what else this machine does.
#[track_caller]
fn kept(report: &Report, promises: &[&str]) {
    for promise in promises {
        let target = report.targets.iter().find(|target| target.what == *promise);
        assert!(target.is_some_and(Target::is_met), "{promise}: {report:?}");
    }
}

#[test]
fn a_flood_of_connects_harms_nobody() {
    kept(&twentieth(Attack::ConnectFlood), &["memory taken"]);
}

#[test]
fn a_flood_of_connects_from_one_port_harms_nobody() {
    kept(&twentieth(Attack::ConnectFloodOnePort), &["memory taken"]);
}

#[test]
fn hellos_without_a_cookie_or_with_a_false_or_old_one_harm_nobody() {
    kept(&twentieth(Attack::HelloFlood), &["memory taken"]);
    kept(
        &twentieth(Attack::CookieFlood),
        &["memory taken", "bytes back for each"],
    );
}

#[test]
fn handshakes_that_are_begun_and_left_harm_nobody() {
    kept(
        &twentieth(Attack::BegunHandshakes),
        &["memory taken", "handshakes begun"],
    );
}

#[test]
fn records_that_nobody_has_sealed_harm_nobody() {
    kept(&twentieth(Attack::RecordFlood), &["memory taken"]);
}

#[test]
fn unproven_addresses_get_no_more_than_they_sent() {
    kept(&twentieth(Attack::Amplification), &["bytes back for each"]);
}

#[test]
fn nobody_is_connected_by_acknowledging_blindly() {
    kept(&twentieth(Attack::BlindProof), &["connected blindly"]);
}

#[test]
fn connections_that_fall_silent_are_freed() {
    kept(&twentieth(Attack::Silence), &["given up after"]);
}

#[test]
fn garbage_harms_nobody_and_leaves_nothing() {
    kept(&twentieth(Attack::Garbage), &["memory kept"]);
}

#[test]
fn announced_packets_hold_what_came_of_them() {
    kept(&twentieth(Attack::Announcements), &["memory taken", "memory kept"]);
}

#[test]
fn empty_packets_ahead_are_bounded_and_freed() {
    kept(&twentieth(Attack::EmptyAhead), &["memory taken", "memory kept"]);
}

#[test]
fn packets_in_descending_order_harm_nobody() {
    kept(&twentieth(Attack::Descending), &["memory taken", "memory kept"]);
}

#[test]
fn acknowledgements_of_nothing_harm_nobody() {
    let report = twentieth(Attack::Acknowledgements);
    kept(&report, &["attackers lost"]);
    let each = report.targets.iter().find(|target| target.what == "each");
    // C ENet takes 6 µs of a processor that has nothing else to do, and built with all optimizations.
    assert!(each.is_some_and(|target| target.value < 6.0), "{report:?}");
}

#[test]
fn blocks_that_cost_much_to_open_harm_nobody() {
    kept(&twentieth(Attack::Compression), &["memory kept"]);
}

#[test]
fn a_slow_reader_holds_a_bounded_amount() {
    // It is too short to be given up.
    kept(
        &twentieth(Attack::SlowReader),
        &["memory taken", "served for", "sender told"],
    );
}

#[test]
fn forged_commands_harm_nobody() {
    kept(&twentieth(Attack::Forgery), &["harmed"]);
}

#[test]
fn a_forged_farewell_is_not_believed() {
    kept(&twentieth(Attack::ForgedDisconnect), &["kicked"]);
}

#[test]
fn data_of_a_former_run_is_not_taken_for_the_new_one() {
    kept(&twentieth(Attack::Restart), &["harmed"]);
}

#[test]
fn honest_clients_join_in_turn() {
    kept(&twentieth(Attack::JoinsInTurn), &["not in after 30 s", "gone again"]);
}

#[test]
fn honest_clients_join_all_at_once() {
    kept(&twentieth(Attack::JoinsAtOnce), &["not in after 30 s", "gone again"]);
}

#[test]
fn ten_thousand_honest_clients_join_all_at_once() {
    kept(
        &twentieth(Attack::TenThousandJoins),
        &["not in after 30 s", "gone again"],
    );
}

#[test]
fn first_fragments_of_many_connections_hold_what_they_may() {
    kept(&twentieth(Attack::FirstFragments), &["memory taken", "memory kept"]);
}

#[test]
fn nonsense_of_peers_leaves_nothing() {
    kept(&twentieth(Attack::Nonsense), &["memory kept"]);
}

#[test]
fn acknowledgements_of_nothing_harm_no_member_of_a_relay() {
    kept(&twentieth(Attack::RelayedAcknowledgements), &["healthy lost"]);
}

#[test]
fn one_large_packet_for_all_reaches_all_and_kicks_nobody() {
    kept(
        &twentieth(Attack::LargeBroadcast),
        &["members without it", "members lost"],
    );
}

#[test]
fn what_is_said_on_every_channel_takes_little_memory_and_kicks_nobody() {
    kept(
        &twentieth(Attack::ManyChannels),
        &["members without some", "members lost", "memory taken", "memory kept"],
    );
}

#[test]
fn tiny_broadcasts_hold_nobody_up() {
    kept(&twentieth(Attack::TinyBroadcasts), &["members lost"]);
}

#[test]
fn small_packets_in_large_datagrams_cost_little_more_than_what_they_are() {
    kept(&twentieth(Attack::PaddedDatagrams), &["memory taken", "memory kept"]);
}

#[test]
fn who_fills_a_queue_does_not_hold_others_back() {
    kept(&twentieth(Attack::FilledQueue), &["words unheard", "members lost"]);
}

#[test]
fn who_sends_to_one_that_takes_nothing_stays() {
    kept(&twentieth(Attack::DeafReceiver), &["senders lost", "senders unheard"]);
}

#[test]
fn who_sends_to_one_that_takes_little_stays() {
    kept(&twentieth(Attack::SlowReceiver), &["senders lost", "senders unheard"]);
}

#[test]
fn nobody_is_framed_as_too_fast() {
    kept(
        &twentieth(Attack::Framing),
        &["the honest one lost", "bytes it could not say"],
    );
}

#[test]
fn twenty_megabytes_pass() {
    kept(&twentieth(Attack::TwentyMegabytes), &["bytes missing", "members lost"]);
}

#[test]
fn strangers_that_come_and_leave_at_once_harm_nobody() {
    kept(
        &twentieth(Attack::Strangers),
        &["not in after 30 s", "gone again", "speaker lost"],
    );
}

#[test]
fn those_who_join_a_relay_in_turn_get_to_know_each_other() {
    kept(
        &twentieth(Attack::RelayedJoinsInTurn),
        &["not in after 30 s", "gone again", "know each other after"],
    );
}

#[test]
fn those_who_join_a_relay_at_once_get_to_know_each_other() {
    kept(
        &twentieth(Attack::RelayedJoinsAtOnce),
        &["not in after 30 s", "gone again", "know each other after"],
    );
}

#[test]
fn silent_members_of_one_address_harm_nobody() {
    kept(&twentieth(Attack::SilentMembers), &["not in after 30 s", "gone again"]);
}

#[test]
fn who_come_and_go_harm_no_member() {
    kept(&twentieth(Attack::Churn), &["members lost"]);
}

#[test]
fn guessed_farewells_kick_nobody_and_honest_ones_are_believed() {
    kept(&twentieth(Attack::GuessedFarewells), &["kicked"]);
}

#[test]
fn a_flood_of_calls_holds_no_player_up() {
    kept(
        &twentieth(Attack::CallFlood),
        &[
            "players lost",
            "players unanswered",
            "players answered",
            "memory taken",
            "memory kept",
        ],
    );
}

#[test]
fn values_that_cost_much_to_read_hold_no_player_up() {
    kept(
        &twentieth(Attack::CostlyValues),
        &[
            "players lost",
            "players unanswered",
            "players answered",
            "attackers lost",
            "memory taken",
            "memory kept",
        ],
    );
}

#[test]
fn paths_without_end_are_bounded_and_hold_no_player_up() {
    kept(
        &twentieth(Attack::PathOffers),
        &[
            "players lost",
            "players unanswered",
            "players answered",
            "memory taken",
            "memory kept",
        ],
    );
}

#[test]
fn only_this_machine_can_be_attacked() {
    for target in ["192.0.2.1:7777", "[2001:db8::1]:7777", "0.0.0.0:7777"] {
        for arguments in [&["run", "--target", target][..], &["serve", "ours", target]] {
            let output = Command::new(env!("CARGO_BIN_EXE_attack"))
                .args(arguments)
                .output()
                .expect("it was built");
            assert_eq!(output.status.code(), Some(2));
            let message = String::from_utf8(output.stderr).expect("UTF-8");
            assert!(message.contains("is not a loopback address"), "{message}");
        }
    }
}

/// `path::name` of the tests that a text names.
fn tests_named_in(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|name| name.split_once("::"))
        .filter(|(path, _)| path.ends_with(".rs"))
        .collect()
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("SECURITY.md")).expect("it is there");
    let named = tests_named_in(&text);
    assert!(named.len() > 50, "{named:?}");
    let missing: Vec<_> = named
        .into_iter()
        .filter(|(path, name)| {
            let source = fs::read_to_string(root.join(path)).unwrap_or_default();
            !source.contains(&format!("fn {name}("))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_relay_that_runs_already_is_measured_by_what_its_members_say_to_each_other() {
    let server = Serve::start(&[]);
    let subject = |process| Subject::Running {
        target: server.address().try_into().expect("loopback"),
        process,
    };
    for attack in [Attack::Garbage, Attack::TwentyMegabytes] {
        let report = run(&subject(None), attack, Scale::new(0.05)).expect("it can be run");
        stood(&report);
        assert_eq!(report.during.unanswered, 0, "{report:?}");
    }
    let unsupported = run(&subject(None), Attack::SlowReader, Scale::new(0.05)).expect_err("it does not send back");
    assert_eq!(unsupported.kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn there_is_no_relay_of_the_c_library() {
    let subject = Subject::Started {
        program: PathBuf::from(env!("CARGO_BIN_EXE_attack")),
        implementation: Implementation::C,
    };
    let unsupported = run(&subject, Attack::Framing, Scale::new(0.05)).expect_err("it is none");
    assert_eq!(unsupported.kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn a_missed_target_is_a_failure_unless_the_c_library_misses_it() {
    let run = |server: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_attack"))
            .args(["run", "blind-proof", "--scale", "0.01"])
            .args(server)
            .output()
            .expect("it was built");
        let table = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(table.contains("✗ connected blindly"), "{table}");
        output.status.code()
    };
    assert_eq!(run(&["--server", "c"]), Some(0));

    // As nobody knows what it runs, it has to stand.
    let mut server = Command::new(env!("CARGO_BIN_EXE_attack"))
        .args(["serve", "c"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was built");
    let mut address = String::new();
    BufReader::new(server.stdout.take().expect("a pipe"))
        .read_line(&mut address)
        .expect("an address");
    let code = run(&["--target", address.trim()]);
    server.kill().expect("it runs");
    server.wait().expect("a child");
    assert_eq!(code, Some(1));
}
