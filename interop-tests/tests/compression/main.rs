//! Compression against what others have: ENet's range coder block by block, C ENet's host, and stock Godots.

mod c_host;
mod godot;
mod range_coder;

use enet_proto::compress::Compression;
use enet_proto::wire::Header;
use interop_tests::relay::Recorded;

/// Every kind but none.
fn kinds() -> impl Iterator<Item = Compression> {
    Compression::ALL
        .iter()
        .copied()
        .filter(|&kind| kind != Compression::None)
}

/// Whether compressed datagrams came from each of two sides, of which one is known.
fn compressed_both_ways(recorded: &[Recorded], is_first: impl Fn(&Recorded) -> bool) -> bool {
    let (from_first, from_second): (Vec<_>, Vec<_>) = recorded
        .iter()
        .filter(|recorded| Header::parse(&recorded.datagram).is_some_and(|(header, _)| header.compressed))
        .partition(|recorded| is_first(recorded));
    !from_first.is_empty() && !from_second.is_empty()
}
