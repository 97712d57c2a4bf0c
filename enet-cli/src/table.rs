//! The table of clients.

use std::time::Duration;

use crate::status::{Rate, Row, Snapshot};

/// What the words above mean.
const LEGEND: [&str; 2] = [
    "relayed: packets passed on  dropped: bad or stray datagrams  limited: refused",
    "RTT: round trip  LOSS: of reliable packets  IN, OUT: from and to the client",
];

/// How many clients have to find room before the legend does.
const ROWS_BEFORE_LEGEND: usize = 5;

/// In that many lines at most, though at least one client is among them. With IPv4 addresses the table is 80 characters wide,
/// which every terminal has.
pub(crate) fn lines(snapshot: &Snapshot, height: usize) -> Vec<String> {
    let rows = &snapshot.rows;
    let width = rows.iter().map(|row| row.address.len()).fold(21, usize::max);
    let mut lines = head(snapshot, width).to_vec();
    let room = height.saturating_sub(lines.len()).max(1);
    let legend: &[&str] = match room >= rows.len().min(ROWS_BEFORE_LEGEND) + 1 + LEGEND.len() {
        true => &LEGEND,
        false => &[],
    };
    let room = if legend.is_empty() {
        room
    } else {
        room - 1 - legend.len()
    };
    let shown = match rows.len() <= room {
        true => rows.len(),
        false => (room - 1).max(1),
    };
    lines.extend(snapshot.busiest(shown).into_iter().map(|row| line(row, width)));
    if shown < rows.len() && shown < room {
        lines.push(format!("{:>10} and {} more", "…", rows.len() - shown));
    }
    if !legend.is_empty() {
        lines.push(String::new());
        lines.extend(legend.iter().map(ToString::to_string));
    }
    lines
}

fn head(snapshot: &Snapshot, width: usize) -> [String; 3] {
    [
        format!(
            "{}  {} of {} clients, {} joining  up {}",
            snapshot.address,
            snapshot.clients,
            snapshot.max_clients,
            snapshot.joining,
            uptime(snapshot.uptime)
        ),
        format!(
            "in {}  out {}  relayed {}  dropped {}  limited {}",
            Rate(snapshot.incoming),
            Rate(snapshot.outgoing),
            snapshot.relayed,
            snapshot.dropped,
            snapshot.limited
        ),
        format!(
            "{:>10} {:<width$} {:>7} {:>6} {:>11} {:>11} {:>8}",
            "ID", "ADDRESS", "RTT", "LOSS", "IN", "OUT", "CHANNELS"
        ),
    ]
}

fn line(row: &Row, width: usize) -> String {
    format!(
        "{:>10} {:<width$} {:>4} ms {:>5.1}% {:>11} {:>11} {:>8}",
        row.id.number(),
        row.address,
        row.round_trip_time,
        row.loss * 100.0,
        Rate(row.incoming).to_string(),
        Rate(row.outgoing).to_string(),
        row.channels
    )
}

/// Hours, minutes and seconds, with the days before them if there are any.
fn uptime(uptime: Duration) -> String {
    let seconds = uptime.as_secs();
    let (days, hours) = (seconds / 86400, seconds / 3600 % 24);
    let clock = format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    match days {
        0 => clock,
        1 => format!("1 day {clock}"),
        days => format!("{days} days {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use godot_peer::PeerId;

    use super::*;
    use crate::status::tests::snapshot;

    #[test]
    fn the_table_has_a_row_for_each_client() {
        let lines = lines(&snapshot(1), 20);
        assert_eq!(lines[0], "[::]:7777  1 of 4095 clients, 3 joining  up 3:02:01");
        assert_eq!(lines[1], "in 0 B/s  out 4.8 MiB/s  relayed 7  dropped 1  limited 2");
        let words: Vec<&str> = lines[3].split_whitespace().collect();
        let expected = [
            "2",
            "[2001:db8::1]:50000",
            "23",
            "ms",
            "1.5%",
            "10",
            "B/s",
            "2.9",
            "KiB/s",
            "255",
        ];
        assert_eq!(words, expected);
        assert_eq!(lines[4], "");
        assert_eq!(lines[5..], LEGEND);
    }

    #[test]
    fn a_table_of_ipv4_clients_fits_every_terminal() {
        let mut snapshot = snapshot(1);
        snapshot.address = "255.255.255.255:65535".to_owned();
        (snapshot.clients, snapshot.joining) = (4095, 40960);
        snapshot.uptime = Duration::from_secs(99 * 86400);
        (snapshot.incoming, snapshot.outgoing) = (999.9 * 1024.0, 999.9 * 1024.0);
        (snapshot.relayed, snapshot.dropped, snapshot.limited) = (999_999_999, 99_999, 9999);
        snapshot.rows[0] = Row {
            id: PeerId::new(i32::MAX).expect("an id"),
            address: "255.255.255.255:65535".to_owned(),
            round_trip_time: 9999,
            loss: 1.0,
            incoming: 999.9 * 1024.0,
            outgoing: 999.9 * 1024.0,
            channels: 255,
        };
        let lines = lines(&snapshot, 20);
        for line in &lines {
            assert!(line.len() <= 80, "{line}");
        }
        assert!(lines[3].ends_with(" 255"));
    }

    #[test]
    fn a_table_that_does_not_fit_shows_the_busiest_and_says_how_many_are_left_out() {
        for height in 5..30 {
            let lines = lines(&snapshot(100), height);
            assert_eq!(lines.len(), height);
            let more = lines
                .iter()
                .position(|line| line.contains(" and "))
                .expect("there are more");
            assert!(
                lines[more].ends_with(&format!("and {} more", 100 - (more - 3))),
                "{}",
                lines[more]
            );
            assert!(lines[more - 1].trim_start().starts_with("101 "), "{}", lines[more - 1]);
        }
    }

    #[test]
    fn in_the_smallest_room_there_is_a_client() {
        for height in 0..=4 {
            let lines = lines(&snapshot(100), height);
            assert_eq!(lines.len(), 4);
            assert!(lines[3].trim_start().starts_with("101 "), "{}", lines[3]);
        }
    }

    #[test]
    fn the_time_that_it_is_up_is_told_in_days_and_hours() {
        for (seconds, text) in [
            (0, "0:00:00"),
            (3599, "0:59:59"),
            (90_000, "1 day 1:00:00"),
            (864_005, "10 days 0:00:05"),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }
}
