//! Every attack on a server of ours, a part of each: what is promised must hold.

use std::path::PathBuf;
use std::process::Command;

use attack::{Attack, Implementation, Report, Scale, Subject, run};

const MIB: u64 = 1024 * 1024;

/// What a twentieth of an attack on a server of ours comes to. No healthy peer may be lost, and stock clients join afterwards.
fn twentieth(attack: Attack) -> Report {
    let subject = Subject::Started {
        program: PathBuf::from(env!("CARGO_BIN_EXE_attack")),
        implementation: Implementation::Ours,
    };
    let report = run(&subject, attack, Scale::new(0.05)).expect("it can be run");
    assert_eq!(report.lost, 0, "{report:?}");
    if attack != Attack::Restart {
        assert!(report.joined_after.is_some(), "{report:?}");
        assert!(report.during.messages > 0, "{report:?}");
    }
    report
}

/// How much more memory the server had at most, and had at the end.
fn growth(report: &Report) -> (u64, u64) {
    let [before, most, after] = report.memory.expect("it can be measured here");
    (most.saturating_sub(before), after.saturating_sub(before))
}

#[test]
fn a_flood_of_connects_harms_nobody() {
    let report = twentieth(Attack::ConnectFlood);
    assert!(growth(&report).0 < 16 * MIB, "{report:?}");
}

#[test]
fn unproven_addresses_get_no_more_than_they_sent() {
    let report = twentieth(Attack::Amplification);
    assert!(report.figure <= 1.0, "{report:?}");
}

#[test]
fn nobody_is_connected_by_acknowledging_blindly() {
    let report = twentieth(Attack::BlindProof);
    assert_eq!(report.figure, 0.0, "{report:?}");
}

#[test]
fn connections_that_fall_silent_are_freed() {
    let report = twentieth(Attack::Silence);
    assert!(report.figure < 10.0, "{report:?}");
}

#[test]
fn garbage_harms_nobody_and_leaves_nothing() {
    let report = twentieth(Attack::Garbage);
    assert!(growth(&report).1 < 4 * MIB, "{report:?}");
}

#[test]
fn announced_packets_hold_what_came_of_them() {
    let report = twentieth(Attack::Announcements);
    assert!(growth(&report).0 < 4 * MIB, "{report:?}");
}

#[test]
fn empty_packets_ahead_are_bounded() {
    let report = twentieth(Attack::EmptyAhead);
    assert!(growth(&report).0 < 64 * MIB, "{report:?}");
}

#[test]
fn packets_in_descending_order_harm_nobody() {
    twentieth(Attack::Descending);
}

#[test]
fn acknowledgements_of_nothing_harm_nobody() {
    twentieth(Attack::Acknowledgements);
}

#[test]
fn a_slow_reader_holds_a_bounded_amount() {
    let report = twentieth(Attack::SlowReader);
    assert!(growth(&report).0 < 48 * MIB, "{report:?}");
}

#[test]
fn forged_commands_harm_nobody() {
    let report = twentieth(Attack::Forgery);
    assert_eq!(report.figure, 0.0, "{report:?}");
}

#[test]
fn a_forged_farewell_is_not_believed() {
    let report = twentieth(Attack::ForgedDisconnect);
    assert_eq!(report.figure, 0.0, "{report:?}");
}

#[test]
fn data_of_a_former_run_is_not_taken_for_the_new_one() {
    let report = twentieth(Attack::Restart);
    assert_eq!(report.figure, 0.0, "{report:?}");
}

#[test]
fn honest_clients_join_in_turn() {
    let report = twentieth(Attack::JoinsInTurn);
    assert_eq!(report.figure, 204.0, "{report:?}");
}

#[test]
fn honest_clients_join_all_at_once() {
    let report = twentieth(Attack::JoinsAtOnce);
    assert_eq!(report.figure, 204.0, "{report:?}");
}

#[test]
fn only_this_machine_can_be_attacked() {
    for target in ["192.0.2.1:7777", "[2001:db8::1]:7777", "0.0.0.0:7777"] {
        let output = Command::new(env!("CARGO_BIN_EXE_attack"))
            .args(["run", "--target", target])
            .output()
            .expect("it was built");
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(message.contains("is not a loopback address"), "{message}");
    }
}
